package objects

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestOtherHelpers: helpers that no other object calls say what they must, in a process that runs on. What of it the kernel
// lets a probe do, it answers alike: TestKernelMaps.
func TestOtherHelpers(t *testing.T) {
	var ns unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &ns); err != nil {
		t.Fatal(err)
	}
	forVariants(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{target(t), "greet", "9"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, fmt.Sprintf(`objects:
- {path: OBJ/alone.bpf.o, rodata: {dev: %d, ino: %d}, attach: {on_greet: "uprobe/TARGET:greet"}}
- {path: OBJ/rest.bpf.o, attach: {on_add: "uprobe/TARGET:greet"}}
`, ns.Dev, ns.Ino)))
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		wantCounts(t, tr, "alone", map[string]uint64{
			"in_namespace": 0, "ours": 1, "nowhere": errno(unix.EINVAL), "sent": 0, "sent_to_thread": 0, "no_signal": errno(unix.EINVAL),
			"wrote": 256, "wrote_nowhere": errno(unix.EFAULT), "length": 7, "length_of_nothing": errno(unix.EFAULT), "coarse_behind": 1,
			"sum": checksum(0x1234, ^uint32(0x01020304), 0, 0x11223344, 0xfffe0001), "sum_of_nothing": checksum(0, 0x11223344),
			"sum_pulled": checksum(5, ^uint32(0x01020304), 0),
		})
		wantCounts(t, tr, "rest", map[string]uint64{
			"same": 0, "less": 1, "greater": 1, "short_one": 0, "printed": 14, "cut": 14, "parsed": 4<<32 | 0x1f,
			"parse_error": errno(unix.EINVAL), "parse_range": errno(unix.ERANGE), "parse_base": errno(unix.EINVAL),
			"available": 24, "size": 4096, "consumer": 0, "producer": 24, "unknown": 0, "ordered": 1, "ticks": 1, "tai_ahead": 1,
			"read": 1, "read_nothing": 1, "read_map": 1, "read_text": 6, "runs": 9,
		})
		lines := read(t, tr, func(s *session.Session) []session.Trace { return s.Trace() })
		if len(lines) != 9 || !strings.Contains(lines[0].Text, "1 2 Name-1 4 5") {
			t.Errorf("trace %v", lines)
		}
	})
}

// checksum is RFC 1071's, of 16 bits, not complemented.
func checksum(seed uint64, words ...uint32) uint64 {
	for _, w := range words {
		seed += uint64(w&0xffff) + uint64(w>>16)
	}
	for seed > 0xffff {
		seed = seed&0xffff + seed>>16
	}
	return seed
}
