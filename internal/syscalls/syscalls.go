package syscalls

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed calls.txt
var text string

// MaxArgs is how many arguments a call has at most.
const MaxArgs = 6

// A Call is one system call.
type Call struct {
	Number int
	Name   string // of <asm/unistd_64.h>
	Event  string // of its tracepoints, behind sys_enter_ and sys_exit_; "": no kernel of today serves it
	args   string
}

// An Arg is an argument of a call as its tracepoint shows it: the type is that of C,
// without __user.
type Arg struct{ Type, Name string }

// Args are the arguments, in order.
func (c Call) Args() (out []Arg) {
	for arg := range strings.SplitSeq(c.args, ", ") {
		if i := strings.LastIndexByte(arg, ' '); i > 0 {
			out = append(out, Arg{arg[:i], arg[i+1:]})
		}
	}
	return out
}

// table is all that calls.txt says.
type table struct {
	all      []Call // by number
	byName   map[string]int
	byNumber map[int]int
}

var load = sync.OnceValue(func() *table {
	t := &table{byName: map[string]int{}, byNumber: map[int]int{}}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		n, err := strconv.Atoi(f[0])
		if err != nil || len(f) != 4 {
			panic("calls.txt: " + line) // linked in, and tested
		}
		t.byNumber[n] = len(t.all)
		for _, name := range f[1:3] {
			t.byName[name] = len(t.all)
		}
		t.all = append(t.all, Call{n, f[1], f[2], f[3]})
	}
	delete(t.byName, "")
	return t
})

// All are the calls there are, by number. Nobody may change them.
func All() []Call { return load().all }

// ByName finds a call by either of its names.
func ByName(name string) (Call, bool) {
	t := load()
	i, ok := t.byName[name]
	if !ok {
		return Call{}, false
	}
	return t.all[i], true
}

// ByNumber finds a call by its number.
func ByNumber(n int) (Call, bool) {
	t := load()
	i, ok := t.byNumber[n]
	if !ok {
		return Call{}, false
	}
	return t.all[i], true
}

// NameOf is the name of a number, or syscall_N for one that is not known, which a later
// kernel may serve.
func NameOf(n int) string {
	if c, ok := ByNumber(n); ok {
		return c.Name
	}
	return fmt.Sprintf("syscall_%d", n)
}

// Names are both names of every call that a kernel of today serves.
func Names() (out []string) {
	for _, c := range All() {
		if c.Event == "" {
			continue
		}
		out = append(out, c.Name)
		if c.Event != c.Name {
			out = append(out, c.Event)
		}
	}
	return out
}
