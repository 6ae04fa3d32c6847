package attach

import (
	"errors"
	"fmt"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/internal/procmaps"
	"github.com/bpftime-go/bpftime/syscallhook"
)

// A Request is everything a compilation depends on.
type Request struct {
	Manifest *config.Manifest
	Dir      string           // the session's directory
	PID      int              // of the process; 0 where there is none
	Modules  []*elfsym.Module // of the process, or only the new ones when Late
	Late     bool             // the modules were just loaded: everything else is attached already
	// IFunc calls a resolver of a loaded module and returns the address in the
	// process; nil where that is not possible.
	IFunc func(resolver uint64) (uint64, error)
	// Maps is all that the process has mapped; nil where that is not known, or the
	// process runs on meanwhile.
	Maps []procmaps.Mapping
	// Peek reads text of a loaded module as it is in the process, where somebody
	// else may have patched it; nil where that is not possible.
	Peek func(addr uint64, b []byte) error
	Self uint64                          // an address in the agent; 0 where it is not among the modules
	Log  func(level uint32, line string) // abi.LEVEL_*
	// Progress is called now and then while much is compiled; it may be nil.
	Progress func()
}

// ErrAborted is wrapped when on_error: abort meets a specification that cannot be
// attached.
var ErrAborted = errors.New("on_error: abort")

// A binding is one program at one specification: a link of the plan.
type binding struct {
	link    uint32
	spec    config.Spec
	code    *code
	cookie  uint64
	cookies []*namedCookie // of single functions among those that spec matches
	inside  bool           // of a function: a marker that is not its first instruction
}

// onReturn tells where in a function the program runs.
func (b *binding) onReturn() bool { return b.spec.OnReturn() }

// compiler is the state of one Compile.
type compiler struct {
	Request
	plan       *plan.Plan
	bindings   []binding
	partial    []bool                              // by link: a pattern, of which some functions may be refused
	late       []*elfsym.Module                    // files on disk that are compiled for, not loaded
	unnamed    []binding                           // by a name that no loaded module has
	modules    []*touched                          // that have a site, in the order they were met
	calls      map[*elfsym.File][]syscallhook.Site // to rewrite, so that signals can be ours
	onCalls    []onCall                            // programs at system calls
	sites      map[*elfsym.File][]syscallhook.Site // where these are made
	told       bool                                // what the verifier does not promise
	tables     map[string]string                   // unwind tables of the plan, by path of the module
	dispatched bool                                // a unit has the site for calls that are dispatched
	came       bool                                // a unit has the programs behind an execve
	lost       int                                 // programs that can be attached nowhere, and so have no link
}

// Compile returns the plan for a request. Its error means that there is none:
// on_error: abort, or something every object depends on is missing.
func Compile(r Request) (*plan.Plan, error) {
	c := &compiler{Request: r, plan: &plan.Plan{Abort: r.Manifest.OnError == config.Abort}, tables: map[string]string{}}
	if err := c.objects(); err != nil {
		return nil, err
	}
	for _, b := range c.bindings {
		c.resolve(b)
	}
	c.resolveNames()
	c.guards()
	c.findCalls()
	if err := c.units(); err != nil {
		return nil, err
	}
	c.unusedCookies()
	c.stacks()
	if err := c.hook(); err != nil {
		c.Log(abi.LEVEL_WARN, fmt.Sprintf("modules loaded later will not be seen: %v", err))
	}
	if n := c.refused() + c.lost; c.plan.Abort && n > 0 {
		return nil, fmt.Errorf("%w: %d of %d specifications cannot be attached", ErrAborted, n, len(c.plan.Links)+c.lost)
	}
	return c.plan, nil
}

// refused counts the links that cannot be attached: everywhere, or anywhere when
// they are for whatever matches a pattern.
func (c *compiler) refused() (n int) {
	for i, l := range c.plan.Links {
		switch {
		case l.Refused == 0, c.partial[i] && l.Tactic != 0:
			continue
		case c.partial[i] && c.plan.Abort:
			c.Log(abi.LEVEL_ERROR, fmt.Sprintf("%s: %s", l.Name, l.Why))
		}
		n++
	}
	return n
}

// fail tells that a link, or a part of it, cannot be attached. Whoever applies
// the plan says so in the log, once for all processes of the session; with
// on_error: abort there will be no plan.
func (c *compiler) fail(b binding, err error) {
	l := &c.plan.Links[b.link]
	l.Refused++
	l.Why = err.Error()
	switch {
	case c.partial[b.link]:
		c.Log(abi.LEVEL_DEBUG, fmt.Sprintf("%s: %v", l.Name, err))
	case c.plan.Abort:
		c.Log(abi.LEVEL_ERROR, fmt.Sprintf("%s: %v", l.Name, err))
	}
}
