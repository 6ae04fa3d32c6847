package objects

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const storage = `objects: [{path: OBJ/storage.bpf.o, attach: {on_add: "uprobe/%s:add", at_end: "uprobe/libc:puts"}%s}]`

func threads(t testing.TB) string {
	t.Helper()
	return native(t, "threads", "threads.c", "-pthread")
}

func storageTrace(t *testing.T, v variant, c host.Cmd, more string) *host.Trace {
	t.Helper()
	return lasting(t, c, trace(t, v, fmt.Sprintf(storage, threads(t), more)))
}

// TestTaskStorage: each thread and each child finds a value of its own and nobody else's, also one that has the number of
// one that was; the leader's is all threads'.
func TestTaskStorage(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		for what, leaders := range map[string]uint64{"churn": 102, "together": 102, "children": 2} {
			t.Run(what, func(t *testing.T) {
				c := host.Cmd{Args: []string{threads(t), what, "20"}, Dir: host.WorkDir(t)}
				tr := storageTrace(t, v, c, "")
				host.Compare(t, c, tr)
				wantQuiet(t, tr)
				wantCounts(t, tr, "storage", map[string]uint64{
					"calls": 102, "fresh": 21, "foreign": 0, "none": 0, "shares": 0, "leader_sum": leaders, "first_value": 1,
					"wrong_flags": 1, "no_task": 1, "parents": 1, "deleted": 1, "again": 1, "gone": 1,
				})
				if same := globals(t, tr, "storage", "bss")["same_number"]; what != "together" && os.Geteuid() == 0 && same == 0 {
					t.Error("no thread had the number of another: nothing was tried")
				}
				for number := range opened(t, tr, "storage.storage").All() {
					if what != "children" { // whose numbers others have by now, since the same hundredth of a second
						t.Errorf("storage of thread %x, which is gone", number)
					}
				}
			})
		}
	})
}

// TestTaskStorageRoom: what dead threads left is taken for new ones. Where all live there is no room, which is counted.
func TestTaskStorageRoom(t *testing.T) {
	v := anyVariant(t)
	for what, none := range map[string]uint64{"churn": 0, "together": 17 * 5} {
		c := host.Cmd{Args: []string{threads(t), what, "20"}, Dir: host.WorkDir(t)}
		tr := storageTrace(t, v, c, ", maps: {storage: {max_entries: 4}}")
		host.Compare(t, c, tr)
		got := globals(t, tr, "storage", "bss")
		misses := opened(t, tr, "storage.storage").Misses()
		if what == "churn" && (got["none"] != none || misses != 0) {
			t.Errorf("%s: no room %d times, %d misses, want none", what, got["none"], misses)
		}
		if got["foreign"] != 0 || got["none"] > none || got["none"] != misses {
			t.Errorf("%s: %v, %d misses", what, got, misses)
		}
	}
}

// TestTaskStorageKilled: while threads live their storage is found by their numbers, changed and removed; when the process
// was killed there is none, and the next process finds room for its own.
func TestTaskStorageKilled(t *testing.T) {
	c := host.Cmd{Args: []string{threads(t), "hold", "3"}, Dir: host.WorkDir(t)}
	tr := storageTrace(t, anyVariant(t), c, ", maps: {storage: {max_entries: 4}}")
	p := host.Start(t, c, tr)
	m := awaitStorage(t, tr, 4)
	checkThreads(t, m, p.PID)
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.Wait()
	for number := range m.All() {
		t.Errorf("storage of thread %x, which was killed", number)
	}
	c = host.Cmd{Args: []string{threads(t), "together", "3"}, Dir: host.WorkDir(t)}
	host.Run(t, c, tr)
	if got := globals(t, tr, "storage", "bss"); got["none"] != 0 || got["foreign"] != 0 || got["deleted"] != 1 {
		t.Errorf("the next process: %v", got)
	}
}

// awaitStorage waits until n threads have storage, and each has called add as often as it does.
func awaitStorage(t *testing.T, tr *host.Trace, n int) (m *maps.Map) {
	t.Helper()
	var have map[uint32]uint64
	ok := host.Poll(30*time.Second, func() bool {
		have = map[uint32]uint64{}
		var err error
		if m == nil {
			if m, err = maps.OpenWriter(filepath.Join(tr.Path(), "maps", "storage.storage")); err != nil {
				m = nil
				return false
			}
		}
		full := 0
		for number, values := range m.All() {
			calls := binary.LittleEndian.Uint64(values[0])
			have[binary.LittleEndian.Uint32(number)] = calls
			if calls == 5 || calls == 2 {
				full++
			}
		}
		return full == n
	})
	if !ok {
		t.Fatalf("storage of %v, want that of %d threads", have, n)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// checkThreads asks for each thread that /proc shows.
func checkThreads(t *testing.T, m *maps.Map, pid int) {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil || len(list) != 4 {
		t.Fatalf("threads %v, %v", list, err)
	}
	for _, e := range list {
		tid, _ := strconv.Atoi(e.Name())
		number := binary.LittleEndian.AppendUint32(nil, uint32(tid))
		values, err := m.Lookup(number)
		if err != nil || binary.LittleEndian.Uint32(values[0][8:]) != uint32(tid) || binary.LittleEndian.Uint32(values[0][12:]) != uint32(pid) {
			t.Errorf("thread %d: %x, %v", tid, values, err)
		}
		changed := append([]byte(nil), values[0]...)
		changed[0] = 77
		if err := m.Update(number, changed, maps.NoExist); !errors.Is(err, unix.EEXIST) {
			t.Errorf("thread %d: made again: %v", tid, err)
		}
		if err := m.Update(number, changed, maps.Any); err != nil {
			t.Errorf("thread %d: %v", tid, err)
		}
		if values, err := m.Lookup(number); err != nil || values[0][0] != 77 {
			t.Errorf("thread %d: %x, %v", tid, values, err)
		}
		if tid != pid {
			continue
		}
		if err := errors.Join(m.Delete(number)); err != nil {
			t.Errorf("thread %d: %v", tid, err)
		}
		if _, err := m.Lookup(number); !errors.Is(err, unix.ENOENT) {
			t.Errorf("thread %d: found again, %v", tid, err)
		}
	}
}

// TestTaskStorageKilledBusy: processes that are killed while their threads come, use storage and go leave a map in which the
// next one finds all of its room.
func TestTaskStorageKilledBusy(t *testing.T) {
	rounds := 15
	if host.Torture() {
		rounds = 500
	}
	c := host.Cmd{Args: []string{threads(t), "churn", "1000000"}, Dir: host.WorkDir(t)}
	tr := storageTrace(t, anyVariant(t), c, ", maps: {storage: {max_entries: 4}, shared: {max_entries: 1}}")
	for i := range rounds {
		c.Dir = host.WorkDir(t)
		p := host.Start(t, c, tr)
		fresh := func() uint64 {
			if _, err := os.Stat(filepath.Join(tr.Path(), "maps", "storage.bss")); err != nil {
				return 0
			}
			return globals(t, tr, "storage", "bss")["fresh"]
		}
		if begun := fresh(); !host.Poll(30*time.Second, func() bool { return fresh() > begun+3 }) {
			t.Fatalf("round %d: no thread had storage", i)
		}
		time.Sleep(time.Duration(i*137%900) * time.Microsecond)
		if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.Wait()
	}
	c.Args = []string{threads(t), "together", "3"}
	before := globals(t, tr, "storage", "bss")
	host.Run(t, c, tr)
	after := globals(t, tr, "storage", "bss")
	if after["none"] != before["none"] || after["shares"] != before["shares"] || after["foreign"] != 0 || after["deleted"] != 1 {
		t.Errorf("the last process: %v, before it %v", after, before)
	}
	if before["fresh"] < uint64(rounds) {
		t.Errorf("%d threads had storage", before["fresh"])
	}
}
