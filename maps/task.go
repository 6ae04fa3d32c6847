package maps

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// A task_storage: a value for each thread. internal/native/bpf_storage.c says how a
// thread is told from an earlier one of its number. Who reads asks by that number, where
// the kernel has a pidfd, and finds those that live. Storage is made by programs only.

const (
	taskNumber = 4   // the key that users see
	userHZ     = 100 // clock ticks a second, as /proc has them
)

func (s Spec) checkTask() error {
	switch {
	case s.KeySize != taskNumber:
		return fmt.Errorf("the keys of a task_storage are threads, numbers of 4 bytes, not %d", s.KeySize)
	case s.ValueSize == 0 || s.ValueSize > abi.MAP_SCRATCH:
		return fmt.Errorf("a task_storage has values of 1 to %d bytes, not %d", abi.MAP_SCRATCH, s.ValueSize)
	case s.Flags != NoPrealloc:
		return fmt.Errorf("a task_storage has the flag BPF_F_NO_PREALLOC and no other, but here %#x", s.Flags)
	case s.MaxEntries == 0:
		return fmt.Errorf("a task_storage has room for at least 1 thread")
	}
	return s.checkSize()
}

func (s Spec) taskLayout(l *layout) {
	key := s
	key.Type, key.KeySize = Hash, abi.MAP_TASK_KEY
	key.hashLayout(l)
}

// A taskKey is a thread as a file has it.
type taskKey struct {
	tid, pid uint32
	ns, born uint64
}

func readTaskKey(b []byte) taskKey {
	le := binary.LittleEndian
	return taskKey{le.Uint32(b), le.Uint32(b[4:]), le.Uint64(b[8:]), le.Uint64(b[16:])}
}

// lives: the thread is there, and is not a later one of its number; /proc tells when it
// began in hundredths of a second. What is in another PID namespace nobody knows here.
func (k taskKey) lives(ns uint64) bool {
	if k.ns != ns {
		return true
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", k.pid, k.tid))
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if err != nil || len(fields) < 20 {
		return false
	}
	began, err := strconv.ParseUint(string(fields[19]), 10, 64) // the 22nd of all
	return err == nil && began*(1e9/userHZ) <= k.born
}

func pidNamespace() uint64 {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/pid", &st) != nil {
		return 0
	}
	return st.Ino
}

// allTasks yields the storage of threads that live, under their numbers.
func (m *Map) allTasks(yield func([]byte, [][]byte) bool) {
	ns := pidNamespace()
	for key, values := range m.allOfHash {
		if readTaskKey(key).lives(ns) && !yield(key[:taskNumber:taskNumber], values) {
			return
		}
	}
}

// taskEntry finds the storage of a thread by its number, in our PID namespace.
func (m *Map) taskEntry(what string, number []byte) (key []byte, values [][]byte, err error) {
	ns := pidNamespace()
	for key, values := range m.allOfHash {
		if k := readTaskKey(key); k.ns == ns && bytes.Equal(key[:taskNumber], number) && k.lives(ns) {
			return key, values, nil
		}
	}
	return nil, nil, m.fail(what, unix.ENOENT)
}

func (m *Map) lookupTask(number []byte) ([][]byte, error) {
	_, values, err := m.taskEntry("lookup", number)
	return values, err
}

// updateTask replaces a value.
func (m *Map) updateTask(number, value []byte, flags uint64) error {
	key, _, err := m.taskEntry("update: only programs make storage of a thread", number)
	switch {
	case flags > Exist:
		return m.fail("update: flags", unix.EINVAL)
	case err != nil:
		return err
	case flags == NoExist:
		return m.fail("update", unix.EEXIST)
	}
	return m.locked("update", func(w *walk) error { return w.update(value, Exist) }, key)
}

func (m *Map) deleteTask(number []byte) error {
	key, _, err := m.taskEntry("delete", number)
	if err != nil {
		return err
	}
	return m.locked("delete", (*walk).remove, key)
}
