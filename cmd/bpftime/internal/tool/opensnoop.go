package tool

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/gadgets"
)

type opensnoop struct {
	gadgets.Options
	clock Clock
}

type openView struct {
	Gadget string `json:"gadget"`
	TimeNS uint64 `json:"time_ns"`
	PID    int64  `json:"pid"`
	TID    int64  `json:"tid"`
	UID    int64  `json:"uid"`
	Comm   string `json:"comm"`
	FD     int64  `json:"fd"`
	Err    int64  `json:"err"`
	Flags  int64  `json:"flags"`
	Mode   *int64 `json:"mode,omitempty"` // where a file may be made
	Path   string `json:"path"`
}

func (t *opensnoop) Header() string {
	var b strings.Builder
	if t.Timestamp {
		fmt.Fprintf(&b, "%-8s ", "TIME")
	}
	if t.ShowUID {
		fmt.Fprintf(&b, "%-7s ", "UID")
	}
	fmt.Fprintf(&b, "%-6s %-16s %3s %3s ", "PID", "COMM", "FD", "ERR")
	if t.Extended {
		fmt.Fprintf(&b, "%-8s %-5s ", "FLAGS", "MODE")
	}
	return b.String() + "PATH\n"
}

func (t *opensnoop) Record(o show.Object) []Row {
	v := openView{
		"opensnoop", uint64(number(o, "time_ns")), number(o, "pid"), number(o, "tid"), number(o, "uid"), text(o, "comm"),
		number(o, "ret"), 0, number(o, "flags"), nil, text(o, "path"),
	}
	if mode := number(o, "mode"); makes(v.Flags) {
		v.Mode = &mode
	}
	if v.FD < 0 {
		v.FD, v.Err = -1, -v.FD
	}
	if !strings.Contains(v.Comm, t.Name) {
		return nil
	}
	return []Row{{t.line(v), v}}
}

func (t *opensnoop) line(v openView) string {
	var b strings.Builder
	if t.Timestamp {
		fmt.Fprintf(&b, "%-8s ", t.clock(v.TimeNS).Format(time.TimeOnly))
	}
	if t.ShowUID {
		fmt.Fprintf(&b, "%-7d ", v.UID)
	}
	fmt.Fprintf(&b, "%-6d %-16s %3d %3d ", v.PID, clean(v.Comm), v.FD, v.Err)
	if t.Extended {
		mode := "n/a "
		if v.Mode != nil {
			mode = fmt.Sprintf("%04o", *v.Mode)
		}
		fmt.Fprintf(&b, "%08o %s ", v.Flags, mode)
	}
	return b.String() + clean(v.Path) + "\n"
}

// makes tells whether such flags make a file: O_CREAT, or O_TMPFILE.
func makes(flags int64) bool {
	return flags&unix.O_CREAT != 0 || flags&unix.O_TMPFILE == unix.O_TMPFILE
}

func (*opensnoop) Tick(time.Time) []Row { return nil }

func (*opensnoop) End() []Row { return nil }
