// Package gadgets holds the built-in objects: programs for what people ask most,
// so that neither clang nor a file is needed.
//
// Protocol. A gadget is an object like any other: bpf/NAME.bpf.c compiled into the
// NAME.bpf.o beside it (rebuild.sh; a test compares them), linked into whoever
// imports this package. Expand says what a manifest would say about it for given
// arguments: where its programs are attached, with which cookies, and how big its
// maps are. Nothing here knows how objects are loaded.
package gadgets

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/bpftime-go/bpftime/config"
)

//go:embed bpf/funccount.bpf.o
var funccount []byte

//go:embed bpf/funcsum.bpf.o
var funcsum []byte

//go:embed bpf/funclatency.bpf.o
var funclatency []byte

//go:embed bpf/mallocs.bpf.o
var mallocs []byte

//go:embed bpf/opensnoop.bpf.o
var opensnoop []byte

//go:embed bpf/execsnoop.bpf.o
var execsnoop []byte

//go:embed bpf/syscount.bpf.o
var syscount []byte

// A Gadget is a built-in object.
type Gadget struct {
	Name   string
	Usage  string // of its arguments
	Short  string // what it shows, in one line
	Object []byte // ELF, as clang -target bpf writes it
	expand func(args []string) (Setup, error)
	// options are those of the tool it is named after; nil: it is none.
	options []option
}

// A Setup is what a manifest would say about a gadget's object.
type Setup struct {
	Programs []config.Program // none: each is attached where its section says
	Maps     []config.Map
	Rodata   []config.Constant
}

// All are the gadgets there are, by name.
var All = []*Gadget{
	{"execsnoop", "[OPTION]…", "programs that are executed, with their arguments", execsnoop, expandExecsnoop, execsnoopOptions},
	{"funccount", "SPEC…", "how often functions are hit", funccount, expandFunccount, nil},
	{"funclatency", "SPEC", "how long a function takes, as a histogram", funclatency, expandFunclatency, nil},
	{"funcsum", "SPEC…", "sums of first arguments (uprobe) or results (uretprobe)", funcsum, expandFuncsum, nil},
	{"mallocs", "", "allocations by command: how many, how much, of which sizes", mallocs, expandMallocs, nil},
	{"opensnoop", "[OPTION]…", "files that are opened, or are not, and why", opensnoop, expandOpensnoop, opensnoopOptions},
	{"syscount", "[OPTION]…", "system calls: how often, how long", syscount, expandSyscount, syscountOptions},
}

// Find returns the gadget of that name. The error names those there are.
func Find(name string) (*Gadget, error) {
	if i := slices.IndexFunc(All, func(g *Gadget) bool { return g.Name == name }); i >= 0 {
		return All[i], nil
	}
	var names []string
	for _, g := range All {
		names = append(names, g.Name)
	}
	return nil, fmt.Errorf("unknown gadget %q: there are %s", name, strings.Join(names, ", "))
}

// Expand is what the manifest would say about the object for these arguments.
func (g *Gadget) Expand(args []string) (Setup, error) {
	s, err := g.expand(args)
	if err != nil {
		return Setup{}, fmt.Errorf("%s: %w; use: %s", g.Name, err, strings.TrimSpace(g.Name+" "+g.Usage))
	}
	return s, nil
}

// Help lists the options of a gadget; "" if it has none.
func (g *Gadget) Help() string { return describe(g.options) }

// bareKind is the kind that is meant by a specification without one. Stars belong to
// names only where there are parameters: f(char*).
func bareKind(arg string) string {
	if strings.ContainsAny(arg, "*?") && !strings.Contains(arg, "(") {
		return "uprobe.multi/"
	}
	return "uprobe/"
}

// attachments reads specifications. One without a kind is a uprobe, or uprobe.multi
// where it has a pattern. The cookie is the place among the arguments.
func attachments(args []string) ([]config.Attachment, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("nothing to attach to")
	}
	var out []config.Attachment
	for i, arg := range args {
		spec, err := config.ParseSpec(arg)
		if err != nil && !strings.Contains(strings.SplitN(arg, ":", 2)[0], "probe") && !strings.Contains(arg, "syscall") {
			if bare, again := config.ParseSpec(bareKind(arg) + arg); again == nil {
				spec, err = bare, nil
			}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, config.Attachment{Spec: spec, Cookie: uint64(i), HasCookie: true})
	}
	return out, nil
}

func expandFunccount(args []string) (Setup, error) {
	at, err := attachments(args)
	if err != nil {
		return Setup{}, err
	}
	return Setup{Programs: []config.Program{{Program: "count", At: at}}}, nil
}

func expandFuncsum(args []string) (Setup, error) {
	at, err := attachments(args)
	if err != nil {
		return Setup{}, err
	}
	entry, ret := config.Program{Program: "on_entry"}, config.Program{Program: "on_return"}
	for _, a := range at {
		switch a.Spec.Kind {
		case config.USDT:
			return Setup{}, fmt.Errorf("%v is no function: where its arguments are differs from place to place", a.Spec)
		case config.Tracepoint, config.RawTracepoint, config.BTFTracepoint, config.Ksyscall:
			return Setup{}, fmt.Errorf("%v is no function; of system calls there are sums of results: kretsyscall/NAME", a.Spec)
		}
		p := &entry
		if a.Spec.OnReturn() {
			p = &ret
		}
		p.At = append(p.At, a)
	}
	programs := slices.DeleteFunc([]config.Program{entry, ret}, func(p config.Program) bool { return len(p.At) == 0 })
	return Setup{Programs: programs, Maps: []config.Map{{Name: "sums", MaxEntries: uint32(len(args))}}}, nil
}

func expandFunclatency(args []string) (Setup, error) {
	at, err := attachments(args)
	switch {
	case err != nil:
		return Setup{}, err
	case len(at) != 1:
		return Setup{}, fmt.Errorf("%d functions are too many for one histogram", len(at))
	case at[0].Spec.Offset != 0 || ends(at[0].Spec.Kind)[0] == 0:
		return Setup{}, fmt.Errorf("%v is no function", at[0].Spec)
	}
	entry, ret := at[0], at[0]
	both := ends(at[0].Spec.Kind)
	entry.Spec.Kind, ret.Spec.Kind = both[0], both[1]
	return Setup{Programs: []config.Program{
		{Program: "on_entry", At: []config.Attachment{entry}},
		{Program: "on_return", At: []config.Attachment{ret}},
	}}, nil
}

// ends are the kinds of specification for both ends of what one names: a function, or a
// system call. 0: it names neither.
func ends(k config.Kind) [2]config.Kind {
	switch k {
	case config.Uprobe, config.Uretprobe:
		return [2]config.Kind{config.Uprobe, config.Uretprobe}
	case config.Ksyscall, config.Kretsyscall:
		return [2]config.Kind{config.Ksyscall, config.Kretsyscall}
	}
	return [2]config.Kind{}
}

func expandMallocs(args []string) (Setup, error) {
	if len(args) > 0 {
		return Setup{}, fmt.Errorf("it takes no argument, not %q", args)
	}
	return Setup{}, nil
}
