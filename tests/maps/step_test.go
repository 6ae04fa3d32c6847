package maps_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// An operation of a program, for testdata/step.c.
type operation struct {
	op    string
	lease int
	key   []byte
	value []byte
	flags uint64
}

// A follower is a process that is followed through one operation. All its methods are
// for one thread.
type follower struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   bytes.Buffer
	stage []byte // of the session
}

// follow starts the process and stops before the operation.
func follow(t *testing.T, session, path string, op operation) *follower {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	f := &follower{t: t}
	f.stage = f.stageOf(session)
	f.cmd = exec.Command(build(t, "testdata/step.c"), session, path, op.op, fmt.Sprint(op.lease), hex.EncodeToString(op.key),
		hex.EncodeToString(op.value)+"-", fmt.Sprint(op.flags))
	f.cmd.Stdout, f.cmd.Stderr = &f.out, &f.out
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.wait() // execve
	f.resume(syscall.PtraceCont)
	return f
}

// stageOf is where step.c says how far it is: the last counter of all.
func (f *follower) stageOf(session string) []byte {
	at := abi.SESSION_COUNTERS_OFF + abi.SESSION_NLEASES*abi.SESSION_COUNTER_STRIDE
	return mapped(f.t, session)[at-8 : at]
}

func mapped(t testing.TB, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	return b
}

func (f *follower) wait() {
	f.t.Helper()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(f.cmd.Process.Pid, &status, 0, nil); err != nil || !status.Stopped() || status.StopSignal() != syscall.SIGTRAP {
		f.t.Fatalf("%v, %v: %s", err, status, f.out.String())
	}
}

func (f *follower) resume(how func(pid, signal int) error) {
	f.t.Helper()
	if err := how(f.cmd.Process.Pid, 0); err != nil {
		f.t.Fatal(err)
	}
	f.wait()
}

// step runs one instruction; false: the operation is over.
func (f *follower) step() bool {
	f.t.Helper()
	f.resume(func(pid, _ int) error { return syscall.PtraceSingleStep(pid) })
	return f.stage[0] == 1
}

// finish lets it run on to its end, and returns the operation's result.
func (f *follower) finish() unix.Errno {
	f.t.Helper()
	if err := syscall.PtraceCont(f.cmd.Process.Pid, 0); err != nil {
		f.t.Fatal(err)
	}
	err := f.cmd.Wait()
	var r int64
	if _, scan := fmt.Sscan(f.out.String(), &r); err != nil || scan != nil {
		f.t.Fatalf("%v: %s", err, f.out.String())
	}
	return unix.Errno(-r)
}

// states follows an operation and returns every state of the file that a process
// killed in it can leave, the one before it first, the one behind it last. Some leases
// are held meanwhile.
func states(t *testing.T, path string, op operation, held ...int) [][]byte {
	t.Helper()
	session := makeSession(t)
	for _, lease := range held {
		hold(t, session, lease)
	}
	f, b := follow(t, session, path, op), mapped(t, path)
	list := [][]byte{bytes.Clone(b)}
	for f.step() {
		if !bytes.Equal(b, list[len(list)-1]) {
			list = append(list, bytes.Clone(b))
		}
	}
	if errno := f.finish(); errno != 0 {
		t.Fatalf("%s: %v", op.op, errno)
	}
	return append(list, bytes.Clone(b))
}

// chainKey is the n-th key of those in chain 0 of a map with few chains and no seed.
func chainKey(chains uint64, n int) []byte {
	for i := uint64(0); ; i++ {
		key := binary.LittleEndian.AppendUint64(nil, i)
		if bucketOf(0, key)%chains != 0 {
			continue
		}
		if n == 0 {
			return key
		}
		n--
	}
}

func val(n int) []byte { return bytes.Repeat([]byte{byte(n)}, 16) }

const chains = 8

var stepped = maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 16, MaxEntries: chains, Flags: maps.ZeroSeed}

// A scenario is an operation on a map that holds the keys 0 to `in` - 1 of one chain,
// of which the last is first in the chain and the first is last.
type scenario struct {
	name string
	in   int
	// before is done by the lease that is followed
	before []operation
	op     operation
}

func key(n int) []byte { return chainKey(chains, n) }

const followed = 5 // the lease

func update(n, v int) operation { return operation{"update", followed, key(n), val(v), 0} }
func remove(n int) operation    { return operation{"delete", followed, key(n), nil, 0} }

var scenarios = []scenario{
	{"insert into an empty chain", 0, nil, update(0, 50)},
	{"insert", 3, nil, update(3, 50)},
	{"insert the last that has room", chains - 1, nil, update(chains-1, 50)},
	{"replace the only one, without a spare", 1, nil, update(0, 50)},
	{"replace the only one", 1, []operation{update(0, 40)}, update(0, 50)},
	{"replace the first, without a spare", 3, nil, update(2, 50)},
	{"replace the first", 3, []operation{update(0, 40)}, update(2, 50)},
	{"replace the middle one", 3, []operation{update(0, 40)}, update(1, 50)},
	{"replace the last", 3, []operation{update(0, 40)}, update(0, 50)},
	{"replace in a full map", chains, []operation{update(0, 40)}, update(3, 50)},
	{"delete the only one", 1, nil, remove(0)},
	{"delete the first", 3, nil, remove(2)},
	{"delete the middle one", 3, nil, remove(1)},
	{"delete the last", 3, nil, remove(0)},
	{"delete in a full map", chains, []operation{update(0, 40)}, remove(3)},
}

// prepare makes the map of a scenario, and says what its keys have.
func (s scenario) prepare(t *testing.T) (string, map[string][]byte) {
	t.Helper()
	path := makeMap(t, stepped)
	want := map[string][]byte{}
	c := serve(t, makeSession(t), path, stepped)
	for n := range s.in {
		if errno := c.do(opUpdate, 1, key(n), val(n+1), 0); errno != 0 {
			t.Fatal(errno)
		}
		want[string(key(n))] = val(n + 1)
	}
	for _, op := range s.before {
		if errno := c.do(opUpdate, op.lease, op.key, op.value, 0); errno != 0 {
			t.Fatal(errno)
		}
		want[string(op.key)] = op.value
	}
	c.stop()
	return path, want
}

// TestKilledAnywhere: a process is killed behind every instruction of an operation.
// Nothing else changed, the operation has happened or not, every node is accounted
// for; and whoever comes next finds all that the killed one had in hand, be it the
// next holder of its lease, or another one that needs the room.
func TestKilledAnywhere(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			path, want := s.prepare(t)
			list := states(t, path, s.op)
			if len(list) < 5 {
				t.Fatalf("only %d states", len(list))
			}
			t.Logf("%d states", len(list))
			dir := shared(t)
			for i, b := range list {
				state := filepath.Join(dir, fmt.Sprint("state", i))
				overwrite(t, state, b)
				happened := afterKill(t, state, s.op, want)
				if i == 0 && happened || i == len(list)-1 && !happened {
					t.Errorf("state %d: happened: %v", i, happened)
				}
				fillUp(t, state, happened, s.op, want)
				replaceAll(t, state)
				if t.Failed() {
					t.Fatalf("state %d of %d", i, len(list))
				}
			}
		})
	}
}

// TestKilledMending: the next holder of the lease is killed as well, while it mends what
// the first one left.
func TestKilledMending(t *testing.T) {
	every, names := 3, []string{"replace the first", "delete the first"}
	if os.Getenv(torture) != "" {
		every, names = 1, append(names, "replace the middle one", "replace the last", "delete the middle one", "delete the last", "insert")
	}
	for _, s := range scenarios {
		if !slices.Contains(names, s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			path, _ := s.prepare(t)
			n := 0
			for i, left := range states(t, path, s.op) {
				if i%every != 0 {
					continue
				}
				overwrite(t, path, left)
				for _, b := range states(t, path, update(6, 60)) {
					n++
					state := path + ".state"
					overwrite(t, state, b)
					auditFile(t, state).healthy(t)
					replaceAll(t, state)
					if t.Failed() {
						t.Fatalf("state %d", n)
					}
				}
			}
			t.Logf("%d states", n)
		})
	}
}

// afterKill looks at a state, and tells whether the operation has happened.
func afterKill(t *testing.T, path string, op operation, before map[string][]byte) (happened bool) {
	t.Helper()
	a := auditFile(t, path)
	a.healthy(t)
	m, err := maps.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	seen := map[string][]byte{}
	for k, values := range m.All() {
		seen[string(k)] = values[0]
	}
	for k, v := range before {
		if k != string(op.key) && !bytes.Equal(seen[k], v) {
			t.Errorf("key %x has %x, not %x: nobody touched it", k, seen[k], v)
		}
	}
	if !sameMap(a.live, seen) {
		t.Errorf("Go reads %x, the audit %x", seen, a.live)
	}
	touched, was := seen[string(op.key)], before[string(op.key)]
	if !bytes.Equal(touched, was) && !bytes.Equal(touched, op.value) {
		t.Errorf("the key has %x; it had %x, and was to have %x", touched, was, op.value)
	}
	return bytes.Equal(touched, op.value)
}

func sameMap(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || !bytes.Equal(v, w) {
			return false
		}
	}
	return true
}

// replaceAll has another lease replace every value, so that it keeps nodes which the
// killed one's record names as well; then the killed one's lease is used again.
func replaceAll(t *testing.T, path string) {
	t.Helper()
	c := serve(t, makeSession(t), path, stepped)
	for k := range auditFile(t, path).live {
		if errno := c.do(opUpdate, 9, []byte(k), val(6), maps.Exist); errno != 0 {
			t.Error(errno)
		}
	}
	for k := range auditFile(t, path).live {
		if errno := c.do(opUpdate, followed, []byte(k), val(7), maps.Exist); errno != 0 {
			t.Error(errno)
		}
	}
	c.do(opDelete, followed, key(20), nil, 0) // there may have been none
	c.stop()
	auditFile(t, path).atRest(t)
}

// fillUp has others use the map: two copies, one by the killed one's lease, one by
// another, which fills it.
func fillUp(t *testing.T, path string, happened bool, op operation, before map[string][]byte) {
	t.Helper()
	live := len(before)
	if _, was := before[string(op.key)]; happened && op.op == "delete" {
		live--
	} else if happened && !was {
		live++
	}
	for _, lease := range []int{followed, 9} {
		file := fmt.Sprint(path, ".", lease)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, file, b)
		c := serve(t, makeSession(t), file, stepped)
		for n := live; n <= chains; n++ {
			want := unix.Errno(0)
			if n == chains {
				want = unix.E2BIG
			}
			if errno := c.do(opUpdate, lease, chainKey(1, 1000+n), val(7), 0); errno != want {
				t.Errorf("lease %d, entry %d: %v, want %v", lease, n+1, errno, want)
			}
		}
		for k := range auditFile(t, file).live {
			if errno := c.do(opUpdate, lease, []byte(k), val(8), maps.Exist); errno != 0 {
				t.Errorf("lease %d: %v", lease, errno)
			}
		}
		c.do(opDelete, lease, chainKey(1, 1000+live), nil, 0)
		c.stop()
		a := auditFile(t, file)
		if lease == followed {
			a.atRest(t)
		} else {
			a.healthy(t)
		}
	}
}
