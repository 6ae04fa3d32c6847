package tool

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/gadgets"
	"github.com/bpftime-go/bpftime/internal/syscalls"
)

// A Tally is what was counted of one system call, or of one process.
type Tally struct {
	Key     uint32 // number, or process
	Comm    string
	Count   uint64
	TotalNS uint64
	Latency []uint64 // log2 of the nanoseconds
}

// Syscount makes tables of tallies.
type Syscount struct {
	gadgets.Options
	begin, last time.Time
	before      map[uint32]Tally // what an earlier table has shown
	over        bool
}

// NewSyscount begins to count.
func NewSyscount(o gadgets.Options, now time.Time) *Syscount {
	return &Syscount{Options: o, begin: now, last: now, before: map[uint32]Tally{}}
}

// Due tells whether it is time for a table.
func (t *Syscount) Due(now time.Time) bool {
	return !t.over && (t.ended(now) || t.Interval > 0 && now.Sub(t.last) >= time.Duration(t.Interval)*time.Second)
}

func (t *Syscount) ended(now time.Time) bool {
	return t.Duration >= 0 && now.Sub(t.begin) >= time.Duration(t.Duration)*time.Second
}

// Over tells whether the last table was made.
func (t *Syscount) Over() bool { return t.over }

// Table shows what was counted since the last one.
func (t *Syscount) Table(now time.Time, tallies []Tally) []Row {
	t.last, t.over = now, t.over || t.ended(now)
	var fresh []Tally
	for _, c := range tallies {
		if d := c.since(t.before[c.Key]); d.Count > 0 {
			fresh = append(fresh, d)
		}
		t.before[c.Key] = c
	}
	slices.SortFunc(fresh, t.compare)
	rows := []Row{{Text: t.header(now)}}
	for i, c := range fresh {
		rows = append(rows, t.row(c, i < int(t.Top)))
	}
	if t.Interval > 0 {
		rows = append(rows, Row{Text: "\n"})
	}
	return rows
}

// since takes away what was counted before. A number that went back is another's: the
// process of that number is a new one.
func (c Tally) since(old Tally) Tally {
	if old.Count > c.Count || old.TotalNS > c.TotalNS || len(old.Latency) > len(c.Latency) {
		return c
	}
	c.Count -= old.Count
	c.TotalNS -= old.TotalNS
	c.Latency = slices.Clone(c.Latency)
	for i, n := range old.Latency {
		c.Latency[i] -= min(n, c.Latency[i])
	}
	return c
}

// compare puts the most often called first, or what took longest.
func (t *Syscount) compare(a, b Tally) int {
	if t.timed() {
		return cmp.Or(cmp.Compare(b.TotalNS, a.TotalNS), cmp.Compare(a.Key, b.Key))
	}
	return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Key, b.Key))
}

func (t *Syscount) timed() bool { return t.Latency || t.Histogram }

func (t *Syscount) header(now time.Time) string {
	var b strings.Builder
	if t.Interval > 0 {
		fmt.Fprintf(&b, "[%s]\n", now.Format(time.TimeOnly))
	}
	column, unit := "SYSCALL", "TIME (us)"
	if t.ByProcess {
		column = "PID    COMM"
	}
	if t.Milliseconds {
		unit = "TIME (ms)"
	}
	if !t.timed() {
		return b.String() + fmt.Sprintf("%-22s %8s\n", column, "COUNT")
	}
	return b.String() + fmt.Sprintf("%-22s %8s %16s\n", column, "COUNT", unit)
}

type (
	callView struct {
		Gadget string `json:"gadget"`
		Call   string `json:"syscall"`
		Number uint32 `json:"number"`
		countView
	}
	processView struct {
		Gadget string `json:"gadget"`
		PID    uint32 `json:"pid"`
		Comm   string `json:"comm"`
		countView
	}
	countView struct {
		Count   uint64   `json:"count"`
		TotalNS *uint64  `json:"total_ns,omitempty"`
		Latency []uint64 `json:"latency_ns,omitempty"`
	}
)

// row shows one tally; for people only those at the top.
func (t *Syscount) row(c Tally, top bool) Row {
	r := Row{JSON: t.view(c)}
	if !top {
		return r
	}
	name := nameOf(c.Key)
	if t.ByProcess {
		name = fmt.Sprintf("%-6d %-15s", c.Key, clean(c.Comm))
	}
	r.Text = fmt.Sprintf("%-22s %8d", name, c.Count)
	if t.timed() {
		unit := 1e3
		if t.Milliseconds {
			unit = 1e6
		}
		r.Text += fmt.Sprintf(" %16.3f", float64(c.TotalNS)/unit)
	}
	r.Text += "\n" + t.histogram(c)
	return r
}

func (t *Syscount) histogram(c Tally) string {
	var b strings.Builder
	if t.Histogram {
		_ = show.Log2(&b, c.Latency, "nsecs") // a Builder takes everything
	}
	return b.String()
}

func (t *Syscount) view(c Tally) any {
	v := countView{Count: c.Count}
	if t.timed() {
		v.TotalNS = &c.TotalNS
		v.Latency = trimmed(c.Latency)
	}
	if t.ByProcess {
		return processView{"syscount", c.Key, c.Comm, v}
	}
	return callView{"syscount", nameOf(c.Key), c.Key, v}
}

func trimmed(counts []uint64) []uint64 {
	for len(counts) > 0 && counts[len(counts)-1] == 0 {
		counts = counts[:len(counts)-1]
	}
	return counts
}

// otherCalls is where the gadget counts numbers that are too large for its table.
const otherCalls = 511

func nameOf(number uint32) string {
	if number == otherCalls {
		return "[unknown]"
	}
	return syscalls.NameOf(int(number))
}
