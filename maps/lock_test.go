package maps

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// deadProcess is the number of a process that has been.
func deadProcess(t *testing.T) uint32 {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return uint32(cmd.Process.Pid)
}

// sessionFile has two processes, one of which is dead, and leases: 0 is nobody's, 1 and 2 theirs, 3 is borrowed.
func sessionFile(t *testing.T, dir string) {
	t.Helper()
	b := make([]byte, abi.SESSION_SIZE)
	for i, pid := range []uint32{uint32(os.Getpid()), deadProcess(t)} {
		p := b[abi.SESSION_PROCS_OFF+i*abi.SESSION_PROC_SIZE:]
		binary.LittleEndian.PutUint32(p[abi.PROC_STATE:], abi.SLOT_LIVE)
		binary.LittleEndian.PutUint32(p[abi.PROC_PID:], pid)
		binary.LittleEndian.PutUint64(p[abi.PROC_PIDNS:], uint64(ownPIDNS()))
	}
	for lease, owner := range []uint64{0, 1, 2, 1<<63 | 7, 3} {
		binary.LittleEndian.PutUint64(b[abi.SESSION_LEASES_OFF+lease*abi.SESSION_LEASE_SIZE:], owner)
	}
	if err := os.WriteFile(filepath.Join(dir, "session"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLockOwners: whose lock may be taken over at once.
func TestLockOwners(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "maps", "m")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Make(path, Spec{Type: Array, KeySize: 4, ValueSize: 16, MaxEntries: 1, Lock: 9}); err != nil {
		t.Fatal(err)
	}
	m, err := OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.isGone(1) {
		t.Error("a lease is gone where there is no session")
	}
	sessionFile(t, dir)
	ns := ownPIDNS() << abi.LOCK_NS
	for owner, want := range map[uint32]bool{
		1: true, 2: false, 3: true, 4: false, 5: true, abi.SESSION_NLEASES + 1: true,
		abi.LOCK_USER | ns | uint32(os.Getpid()): false, abi.LOCK_USER | ns | deadProcess(t): true,
		abi.LOCK_USER | ns ^ 1<<abi.LOCK_NS | deadProcess(t): false,
	} {
		if got := m.isGone(owner); got != want {
			t.Errorf("owner %#x: gone %v, want %v", owner, got, want)
		}
	}
}

// TestTakesOver: the lock of a dead process does not hold anybody up, and who takes it gives it back.
func TestTakesOver(t *testing.T) {
	for _, typ := range []Type{Array, Hash} {
		path := filepath.Join(t.TempDir(), "m")
		if err := Make(path, Spec{Type: typ, KeySize: 4, ValueSize: 16, MaxEntries: 1, Lock: 9}); err != nil {
			t.Fatal(err)
		}
		m, err := OpenWriter(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		key, value := make([]byte, 4), []byte("12345678____9abc")
		if err := m.Update(key, value, 0); err != nil {
			t.Fatal(err)
		}
		var at uint64
		m.atValue("find", key, func(where uint64) error { at = where; return nil }, nil)
		word := word32(m.mem, at+8)
		*word = abi.LOCK_USER | ownPIDNS()<<abi.LOCK_NS | deadProcess(t)
		got, err := m.LookupFlags(key, Lock)
		if err != nil || string(got[0]) != "12345678\x00\x00\x00\x009abc" || *word != 0 {
			t.Errorf("%v: %q, %v, the lock is %#x", typ, got, err, *word)
		}
	}
}
