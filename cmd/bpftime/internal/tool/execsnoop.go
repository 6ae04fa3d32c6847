package tool

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/gadgets"
)

// execsnoop puts together what a call asked for and what came of it. A call that returns
// says so, in the new program if it succeeds; where that has no agent nobody is left to
// say it. So a call waits for its return until its thread makes another, or for as long
// as none takes to fail.
type execsnoop struct {
	gadgets.Options
	clock   Clock
	begin   uint64
	waiting []*execCall // in the order they were made
}

// execWait is how long a call may take to fail. It is looked at by the clock of whoever
// reads, which may have been late.
const execWait = 200 * time.Millisecond

type execCall struct {
	execView
	since time.Time
	known bool
}

type execView struct {
	Gadget string   `json:"gadget"`
	TimeNS uint64   `json:"time_ns"`
	PID    int64    `json:"pid"`
	TID    int64    `json:"tid"`
	PPID   int64    `json:"ppid"`
	UID    int64    `json:"uid"`
	Comm   string   `json:"comm"` // of the new program, or of the old one where it failed
	Ret    int64    `json:"ret"`
	Args   []string `json:"args"` // the file comes first
	More   bool     `json:"more_args"`
}

func (t *execsnoop) Header() string {
	var b strings.Builder
	if t.Time {
		fmt.Fprintf(&b, "%-8s ", "TIME")
	}
	if t.Timestamp {
		fmt.Fprintf(&b, "%-8s ", "TIME(s)")
	}
	if t.ShowUID {
		fmt.Fprintf(&b, "%-6s ", "UID")
	}
	return b.String() + fmt.Sprintf("%-16s %-6s %-6s %3s %s\n", "PCOMM", "PID", "PPID", "RET", "ARGS")
}

func (t *execsnoop) Record(o show.Object) []Row {
	v := execView{
		"execsnoop", uint64(number(o, "time_ns")), number(o, "pid"), number(o, "tid"), number(o, "ppid"), number(o, "uid"),
		text(o, "comm"), number(o, "ret"), nil, false,
	}
	if t.begin == 0 {
		t.begin = v.TimeNS
	}
	if number(o, "returned") != 0 {
		t.returned(v)
		return t.rows()
	}
	t.succeeded(v.TID)
	rest, _ := o.Field("rest").(show.Bytes)
	count := int(number(o, "args_count"))
	for arg := range bytes.SplitSeq(bytes.TrimSuffix(rest, []byte{0}), []byte{0}) {
		v.Args = append(v.Args, strings.ToValidUTF8(string(arg), "\ufffd"))
	}
	v.More = count > len(v.Args)
	t.waiting = append(t.waiting, &execCall{execView: v})
	return t.rows()
}

// returned ends the call that the thread made last.
func (t *execsnoop) returned(v execView) {
	for _, c := range t.waiting {
		if c.TID == v.TID && !c.known {
			c.known, c.Ret = true, v.Ret
			if v.Ret >= 0 {
				c.Comm = v.Comm
			}
		}
	}
}

// succeeded: a thread that makes another call has begun a new program with the last one.
func (t *execsnoop) succeeded(tid int64) {
	for _, c := range t.waiting {
		if c.TID == tid && !c.known {
			c.succeed()
		}
	}
}

// commSize is how much of a program's name is kept.
const commSize = 15

func (c *execCall) succeed() {
	name := path.Base(c.Args[0])
	c.known, c.Comm = true, strings.ToValidUTF8(name[:min(len(name), commSize)], "\ufffd")
}

func (t *execsnoop) Tick(now time.Time) []Row {
	for _, c := range t.waiting {
		if c.since.IsZero() {
			c.since = now
		}
		if !c.known && now.Sub(c.since) > execWait {
			c.succeed()
		}
	}
	return t.rows()
}

func (t *execsnoop) End() []Row {
	for _, c := range t.waiting {
		if !c.known {
			c.succeed()
		}
	}
	return t.rows()
}

// rows takes what is known from the front, so that lines come in the order of the calls.
func (t *execsnoop) rows() (out []Row) {
	for len(t.waiting) > 0 && t.waiting[0].known {
		c := t.waiting[0]
		t.waiting = t.waiting[1:]
		if t.wants(c.execView) {
			out = append(out, Row{t.line(c.execView), c.execView})
		}
	}
	return out
}

func (t *execsnoop) wants(v execView) bool {
	return (v.Ret >= 0 || t.Failed) && strings.Contains(v.Comm, t.Name) && strings.Contains(strings.Join(v.Args, " "), t.Line)
}

func (t *execsnoop) line(v execView) string {
	var b strings.Builder
	if t.Time {
		fmt.Fprintf(&b, "%-8s ", t.clock(v.TimeNS).Format(time.TimeOnly))
	}
	if t.Timestamp {
		fmt.Fprintf(&b, "%-8.3f ", float64(v.TimeNS-t.begin)/1e9)
	}
	if t.ShowUID {
		fmt.Fprintf(&b, "%-6d ", v.UID)
	}
	fmt.Fprintf(&b, "%-16s %-6d %-6d %3d %s", clean(v.Comm), v.PID, v.PPID, v.Ret, t.args(v.Args))
	if v.More {
		b.WriteString(" ...")
	}
	return b.String() + "\n"
}

func (t *execsnoop) args(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = clean(a)
		if t.Quote {
			out[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(out[i]) + `"`
		}
	}
	return strings.Join(out, " ")
}
