package gadgets

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Options are those of the gadgets that are named after a tool: opensnoop, execsnoop and
// syscount know the options of theirs, by the same letters. Numbers that were not given
// are -1.
type Options struct {
	PID, TID, UID int64
	Errno         int64
	Duration      int64 // seconds until nothing more is shown
	Interval      int64 // seconds from one table to the next
	Top, MaxArgs  int64

	Name, Line string // a part of the command, of its arguments

	Failed, Extended, Timestamp, Time, ShowUID, Quote bool
	Latency, Milliseconds, Histogram, ByProcess       bool
}

// An option is a letter, its long name, and what it sets.
type option struct {
	letter byte
	long   string
	arg    string // what its argument is called; "": it has none
	number func(o *Options) *int64
	errno  bool // it may be an error's name
	text   func(o *Options) *string
	flag   func(o *Options) *bool
	help   string
}

func numberOption(letter byte, long, arg string, to func(o *Options) *int64, help string) option {
	return option{letter: letter, long: long, arg: arg, number: to, help: help}
}

func textOption(letter byte, long, arg string, to func(o *Options) *string, help string) option {
	return option{letter: letter, long: long, arg: arg, text: to, help: help}
}

func flagOption(letter byte, long string, to func(o *Options) *bool, help string) option {
	return option{letter: letter, long: long, flag: to, help: help}
}

// parseOptions reads arguments as getopt_long does: -x -p 7 -p7 -xU --pid 7 --pid=7.
func parseOptions(args []string, known []option) (Options, error) {
	o := Options{PID: -1, TID: -1, UID: -1, Errno: -1, Duration: -1, Interval: -1, Top: -1, MaxArgs: -1}
	for len(args) > 0 {
		word := args[0]
		var err error
		switch {
		case strings.HasPrefix(word, "--") && len(word) > 2:
			args, err = o.long(word[2:], args[1:], known)
		case strings.HasPrefix(word, "-") && len(word) > 1:
			args, err = o.letters(word[1:], args[1:], known)
		default:
			err = fmt.Errorf("it takes options only, not %q", word)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *Options) long(word string, rest []string, known []option) ([]string, error) {
	name, value, given := strings.Cut(word, "=")
	for _, k := range known {
		if k.long != name {
			continue
		}
		if !given && k.arg != "" && len(rest) > 0 {
			value, rest, given = rest[0], rest[1:], true
		}
		return rest, k.set(o, "--"+name, value, given)
	}
	return nil, fmt.Errorf("unknown option --%s", name)
}

func (o *Options) letters(word string, rest []string, known []option) ([]string, error) {
	for word != "" {
		letter := word[0]
		k, ok := byLetter(letter, known)
		if !ok {
			return nil, fmt.Errorf("unknown option -%c", letter)
		}
		value, given := word[1:], word[1:] != ""
		if k.arg == "" {
			word, value, given = value, "", false
		} else {
			word = ""
			if !given && len(rest) > 0 {
				value, rest, given = rest[0], rest[1:], true
			}
		}
		if err := k.set(o, fmt.Sprintf("-%c", letter), value, given); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func byLetter(letter byte, known []option) (option, bool) {
	for _, k := range known {
		if k.letter == letter {
			return k, true
		}
	}
	return option{}, false
}

func (k option) set(o *Options, as, value string, given bool) error {
	switch {
	case k.flag != nil && given:
		return fmt.Errorf("%s takes no argument", as)
	case k.flag != nil:
		*k.flag(o) = true
		return nil
	case !given:
		return fmt.Errorf("%s needs %s", as, k.arg)
	case k.text != nil:
		*k.text(o) = value
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil && k.errno {
		n, err = errnoOf(value)
	}
	if err != nil {
		return fmt.Errorf("%s %q is no number", as, value)
	}
	*k.number(o) = int64(n)
	return nil
}

// errnos are the names of the errors from 1 on, without aliases. They are one text, since the table of
// golang.org/x/sys/unix costs every traced process a relocation for each.
const errnos = "EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST " +
	"EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM " +
	"ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG " +
	"EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET " +
	"ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG " +
	"ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE " +
	"EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE " +
	"EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN " +
	"ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL " +
	"EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD " +
	"ENOTRECOVERABLE ERFKILL EHWPOISON"

func errnoOf(name string) (uint64, error) {
	i := slices.Index(strings.Fields(errnos), name)
	if i < 0 || name == "-" {
		return 0, strconv.ErrSyntax
	}
	return uint64(i) + 1, nil
}

// describe lists the options, for help.
func describe(known []option) string {
	var b strings.Builder
	for _, k := range known {
		words := fmt.Sprintf("-%c %s", k.letter, k.arg)
		if k.letter == 0 {
			words = "--" + k.long + " " + k.arg
		}
		fmt.Fprintf(&b, "  %-13s %s\n", strings.TrimSpace(words), k.help)
	}
	return b.String()
}
