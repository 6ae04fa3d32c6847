package maps_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// counters is a small map: 2 values of 8 bytes, 64 bytes for each lease.
var counters = maps.Spec{Type: maps.PercpuArray, KeySize: 4, ValueSize: 8, MaxEntries: 2}

func make1(t testing.TB, spec maps.Spec) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.counts")
	if err := maps.Make(path, spec); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *maps.Map {
	t.Helper()
	m, err := maps.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestSpec: where values lie, counted by hand.
func TestSpec(t *testing.T) {
	for _, c := range []struct {
		value, entries uint32
		stride, size   uint64
		key            uint32
		offset         int64
	}{
		{8, 1, 64, 4096 + 64*512, 0, 4096},
		{8, 8, 64, 4096 + 64*512, 7, 4096 + 56},
		{8, 9, 128, 4096 + 128*512, 8, 4096 + 64},
		{1, 3, 64, 4096 + 64*512, 2, 4096 + 16},
		{12, 3, 64, 4096 + 64*512, 2, 4096 + 32},
		{1 << 14, 1, 1 << 14, 4096 + 8<<20, 0, 4096}, // as many blocks as leases
		{1<<14 + 1, 1, 1<<14 + 64, 8396800, 0, 4096},
		{1 << 15, 1, 1 << 15, 8192 + 8<<20, 0, 4096}, // 256, and the control page
		{1 << 17, 1, 1 << 17, 8192 + 8<<20, 0, 4096},
		{1 << 20, 2, 2 << 20, 8192 + 128<<20, 1, 4096 + 1<<20}, // 64 at least
		{1 << 20, 1<<32 - 1, 1<<52 - 1<<20, 8192 + (1<<52-1<<20)*64, 1<<32 - 1, 4096 + 1<<52 - 1<<20},
	} {
		s := maps.Spec{Type: maps.PercpuArray, KeySize: 4, ValueSize: c.value, MaxEntries: c.entries}
		if s.Stride() != c.stride || s.Size() != c.size || s.Offset(c.key) != c.offset {
			t.Errorf("%d values of %d: stride %d, size %d, key %d at %d; want %d, %d, %d", c.entries, c.value,
				s.Stride(), s.Size(), c.key, s.Offset(c.key), c.stride, c.size, c.offset)
		}
	}
}

// TestMake: a new map is empty, has all its blocks, and is the user's alone.
func TestMake(t *testing.T) {
	path := make1(t, counters)
	m := open(t, path)
	if m.Spec() != counters || m.Sum(0) != 0 || m.Sum(1) != 0 {
		t.Errorf("%+v, sums %d and %d", m.Spec(), m.Sum(0), m.Sum(1))
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if st.Mode != unix.S_IFREG|0o600 || st.Size != 4096+64*512 || st.Blocks*512 < st.Size {
		t.Errorf("mode %o, %d bytes, %d blocks of 512", st.Mode, st.Size, st.Blocks)
	}
	onlyFile(t, path)
}

// onlyFile: no temporary file was left.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

// TestMakeTogether: of many makers at once one makes the map, all have it.
func TestMakeTogether(t *testing.T) {
	for range 100 {
		path := filepath.Join(t.TempDir(), "m")
		var g sync.WaitGroup
		start := make(chan struct{})
		for range 8 {
			g.Go(func() {
				<-start
				if err := maps.Make(path, counters); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		g.Wait()
		onlyFile(t, path)
	}
}

// TestMakeAgain: what is in a map stays when it is made again.
func TestMakeAgain(t *testing.T) {
	path := make1(t, counters)
	put(t, path, 4096+64*511+8, 77)
	if err := maps.Make(path, counters); err != nil {
		t.Fatal(err)
	}
	if sum := open(t, path).Sum(1); sum != 77 {
		t.Errorf("the sum is %d, was 77", sum)
	}
}

func put(t *testing.T, path string, at int64, v uint64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(binary.LittleEndian.AppendUint64(nil, v), at); err != nil {
		t.Fatal(err)
	}
}

// TestAnotherDefinition: a map of that name which is not the one wanted.
func TestAnotherDefinition(t *testing.T) {
	path := make1(t, counters)
	for want, change := range map[string]func(*maps.Spec){
		"max_entries 2, wanted 3":                              func(s *maps.Spec) { s.MaxEntries = 3 },
		"value size 8, wanted 16":                              func(s *maps.Spec) { s.ValueSize = 16 },
		"flags 0x0, wanted 0x80":                               func(s *maps.Spec) { s.Flags = 0x80 },
		"type percpu_array, wanted hash, key size 4, wanted 8": func(s *maps.Spec) { s.Type, s.KeySize = maps.Hash, 8 },
	} {
		s := counters
		change(&s)
		err := maps.Make(path, s)
		text := "maps: another map has this name: " + path + ": " + want + ": use another session, or remove it"
		if !errors.Is(err, maps.ErrDefinition) || err.Error() != text {
			t.Errorf("error %v\nwant  %s", err, text)
		}
	}
}

// TestMakeRefuses: definitions nobody can make. Nothing is left on disk.
func TestMakeRefuses(t *testing.T) {
	const percpu, hash, ring = maps.PercpuArray, maps.Hash, maps.Ringbuf
	for want, s := range map[string]maps.Spec{
		"map type 15 is not supported":                                                                                              {Type: 15, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		"map type 0 is not supported":                                                                                               {},
		"the keys of percpu_array are indexes of 4 bytes, not 8":                                                                    {Type: percpu, KeySize: 8, ValueSize: 8, MaxEntries: 1},
		"a percpu_array has values of at least 1 byte, at most 1 GiB, not 0 bytes":                                                  {Type: percpu, KeySize: 4, MaxEntries: 1},
		"a percpu_array has values of at least 1 byte, at most 1 GiB, not 4294967295 bytes":                                         {Type: percpu, KeySize: 4, ValueSize: 1<<32 - 1, MaxEntries: 1},
		"a percpu_array has max_entries, at least 1":                                                                                {Type: percpu, KeySize: 4, ValueSize: 8},
		"a percpu_array of 2097152 entries of 8 bytes takes 1024 MiB; at most 1024 MiB: use a smaller max_entries":                  {Type: percpu, KeySize: 4, ValueSize: 8, MaxEntries: 1 << 21},
		"a percpu_array of 4294967295 entries of 1048576 bytes takes 274877906880 MiB; at most 1024 MiB: use a smaller max_entries": {Type: percpu, KeySize: 4, ValueSize: 1 << 20, MaxEntries: 1<<32 - 1},
		"an array of 4294967295 entries of 1073741824 bytes takes 4398046510080 MiB; at most 1024 MiB: use a smaller max_entries":   {Type: maps.Array, KeySize: 4, ValueSize: 1 << 30, MaxEntries: 1<<32 - 1},
		"a hash has keys of 1 to 512 bytes, not 0":                                                                                  {Type: hash, ValueSize: 8, MaxEntries: 1},
		"a hash has keys of 1 to 512 bytes, not 513":                                                                                {Type: hash, KeySize: 513, ValueSize: 8, MaxEntries: 1},
		"a hash of 4294967295 entries of 1073741824 bytes takes 4398046675968 MiB; at most 1024 MiB: use a smaller max_entries":     {Type: hash, KeySize: 8, ValueSize: 1 << 30, MaxEntries: 1<<32 - 1},
		"values of a percpu_array have no bpf_spin_lock; those of an array or a hash may":                                           {Type: percpu, KeySize: 4, ValueSize: 8, MaxEntries: 1, Lock: 1},
		"a bpf_spin_lock at byte 2 of a value of 8 bytes":                                                                           {Type: hash, KeySize: 4, ValueSize: 8, MaxEntries: 1, Lock: 3},
		"a bpf_spin_lock at byte 8 of a value of 8 bytes":                                                                           {Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Lock: 9},
		"a hash has values of at most 4096 bytes if there is a bpf_spin_lock in them, not 4104":                                     {Type: hash, KeySize: 4, ValueSize: 4104, MaxEntries: 1, Lock: 1},
		"the keys of a task_storage are threads, numbers of 4 bytes, not 8":                                                         {Type: maps.TaskStorage, KeySize: 8, ValueSize: 8, MaxEntries: 1, Flags: 1},
		"a task_storage has values of 1 to 4096 bytes, not 4097":                                                                    {Type: maps.TaskStorage, KeySize: 4, ValueSize: 4097, MaxEntries: 1, Flags: 1},
		"a task_storage has the flag BPF_F_NO_PREALLOC and no other, but here 0x0":                                                  {Type: maps.TaskStorage, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		"a task_storage has room for at least 1 thread":                                                                             {Type: maps.TaskStorage, KeySize: 4, ValueSize: 8, Flags: 1},
		"a ringbuf has no keys and values, but here they have 4 and 0 bytes":                                                        {Type: ring, KeySize: 4, MaxEntries: 4096},
		"max_entries of a ringbuf is its size in bytes: a power of two from 4096 to 536870912, not 2048":                            {Type: ring, MaxEntries: 2048},
		"max_entries of a ringbuf is its size in bytes: a power of two from 4096 to 536870912, not 12288":                           {Type: ring, MaxEntries: 12288},
		"a stack_trace has values of 1 to 127 frames of 8 bytes, not 1024 bytes":                                                    {Type: maps.StackTrace, KeySize: 4, ValueSize: 1024, MaxEntries: 1},
		"a stack_trace has values of 1 to 127 frames of 8 bytes, not 12 bytes":                                                      {Type: maps.StackTrace, KeySize: 4, ValueSize: 12, MaxEntries: 1},
		"a stack_trace has max_entries, at least 1":                                                                                 {Type: maps.StackTrace, KeySize: 4, ValueSize: 8},
		"the keys of stack_trace are numbers of 4 bytes, not 8":                                                                     {Type: maps.StackTrace, KeySize: 8, ValueSize: 8, MaxEntries: 1},
		"a stack_trace has no flag but BPF_F_STACK_BUILD_ID, but here 0x40":                                                         {Type: maps.StackTrace, KeySize: 4, ValueSize: 32, MaxEntries: 1, Flags: 64},
		"a stack_trace has values of 1 to 127 frames of 32 bytes, not 40 bytes":                                                     {Type: maps.StackTrace, KeySize: 4, ValueSize: 40, MaxEntries: 1, Flags: 32},
		"keys and values of a perf_event_array have 4 bytes, but here 4 and 8":                                                      {Type: maps.PerfEventArray, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		"a perf_event_array has an entry for each CPU: max_entries is at least 1":                                                   {Type: maps.PerfEventArray, KeySize: 4, ValueSize: 4},
		"a perf_event_array has no flags, but here 0x8":                                                                             {Type: maps.PerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: 1, Flags: 8},
	} {
		path := filepath.Join(t.TempDir(), "m")
		if err := maps.Make(path, s); err == nil || err.Error() != "maps: "+path+": "+want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
		if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 0 {
			t.Errorf("%v, %v", files, err)
		}
	}
}

func TestMakeNowhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "m")
	err := maps.Make(path, counters)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "maps: "+path+": open "+path+".") {
		t.Errorf("error %v", err)
	}
}

// TestReadsC: what C writes through struct map_header is what Go reads.
func TestReadsC(t *testing.T) {
	dir := t.TempDir()
	writer, path := filepath.Join(dir, "write"), filepath.Join(dir, "map")
	if out, err := exec.Command("gcc", "-Wall", "-Wextra", "-Werror", "-I../internal/abi", "-o", writer, "testdata/write.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command(writer, path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := open(t, path)
	if want := (maps.Spec{Type: maps.PercpuArray, KeySize: 4, ValueSize: 12, MaxEntries: 3, Flags: maps.ReadOnly}); m.Spec() != want {
		t.Errorf("%+v, want %+v", m.Spec(), want)
	}
	for key, want := range []uint64{512 * 513 / 2, 0, 2000, 0} { // key 3 is none
		if got := m.Sum(uint32(key)); got != want {
			t.Errorf("key %d sums to %d, want %d", key, got, want)
		}
	}
}

// TestSumOfSmallValues: a sum is of 8-byte values; others have none.
func TestSumOfSmallValues(t *testing.T) {
	s := counters
	s.ValueSize = 4
	path := make1(t, s)
	put(t, path, 4096, 1<<64-1)
	if sum := open(t, path).Sum(0); sum != 0 {
		t.Errorf("%d", sum)
	}
}

// TestSumWhileWritten: sums only grow, and none of what is written is lost.
func TestSumWhileWritten(t *testing.T) {
	const leases, rounds = 8, 20_000
	path := make1(t, counters)
	m := open(t, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mem, err := unix.Mmap(int(f.Fd()), 0, int(counters.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	var g sync.WaitGroup
	for lease := range leases {
		slot := mem[4096+64*(lease*511/(leases-1)):][:64]
		g.Go(func() {
			for i := range uint64(rounds) {
				binary.LittleEndian.PutUint64(slot, i+1)
				binary.LittleEndian.PutUint64(slot[8:], (i+1)<<32)
			}
		})
	}
	done := make(chan struct{})
	go func() { g.Wait(); close(done) }()
	var low, high uint64
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		l, h := m.Sum(0), m.Sum(1)
		if l < low || h < high || h&(1<<32-1) != 0 {
			t.Fatalf("sums %d and %#x after %d and %#x", l, h, low, high)
		}
		low, high = l, h
	}
	if low != leases*rounds || high != leases*rounds<<32 {
		t.Errorf("sums %d and %#x, want %d and that times 2^32", low, high, leases*rounds)
	}
}

// TestOpenRefuses: files that are no map of this version. PATH stands for the file.
func TestOpenRefuses(t *testing.T) {
	field := func(at int64, v uint32) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt(binary.LittleEndian.AppendUint32(nil, v), at)
			}
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	resize := func(size int64) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
		}
	}
	instead := func(f func(path string) error) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := errors.Join(os.Rename(path, path+".old"), f(path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	const of = " in that of a percpu_array of 2 entries, keys of 4 bytes, values of 8, flags 0x0"
	const has = "; a percpu_array of 2 entries, keys of 4 bytes, values of 8, flags 0x0 has 36864"
	for name, c := range map[string]struct {
		spoil func(*testing.T, string)
		want  string
	}{
		"missing":       {instead(func(string) error { return nil }), "maps: open PATH: no such file or directory"},
		"empty":         {resize(0), "maps: PATH: shorter than the header of a map: EOF"},
		"half a header": {resize(4095), "maps: PATH: shorter than the header of a map: EOF"},
		"only a header": {resize(4096), "maps: PATH: 4096 bytes" + has},
		"cut":           {resize(4096 + 64*512 - 1), "maps: PATH: 36863 bytes" + has},
		"longer":        {resize(4096 + 64*512 + 1), "maps: PATH: 36865 bytes" + has},
		"magic":         {field(abi.MAP_HDR_MAGIC, 0), "maps: PATH: not a map of version 1"},
		"version":       {field(abi.MAP_HDR_VERSION, 2), "maps: PATH: not a map of version 1"},
		"type":          {field(abi.MAP_HDR_TYPE, 15), "maps: PATH: map type 15 is not supported"},
		"key size": {field(abi.MAP_HDR_KEY_SIZE, 0),
			"maps: PATH: the keys of percpu_array are indexes of 4 bytes, not 0"},
		"value size": {field(abi.MAP_HDR_VALUE_SIZE, 1<<32-1),
			"maps: PATH: a percpu_array has values of at least 1 byte, at most 1 GiB, not 4294967295 bytes"},
		"no entries": {field(abi.MAP_HDR_MAX_ENTRIES, 0),
			"maps: PATH: a percpu_array has max_entries, at least 1"},
		"more entries": {field(abi.MAP_HDR_MAX_ENTRIES, 9),
			"maps: PATH: byte 40 of the header is 0x40, but 0x80 in that of a percpu_array of 9 entries, keys of 4 bytes, values of 8, flags 0x0"},
		"far more entries": {field(abi.MAP_HDR_MAX_ENTRIES, 1<<32-1),
			"maps: PATH: a percpu_array of 4294967295 entries of 8 bytes takes 2097152 MiB; at most 1024 MiB: use a smaller max_entries"},
		"slots":              {field(abi.MAP_HDR_NSLOTS, 513), "maps: PATH: byte 32 of the header is 0x1, but 0x0" + of},
		"stride":             {field(abi.MAP_HDR_STRIDE, 128), "maps: PATH: byte 40 of the header is 0x80, but 0x40" + of},
		"stride, upper half": {field(abi.MAP_HDR_STRIDE+4, 1), "maps: PATH: byte 44 of the header is 0x1, but 0x0" + of},
		"size in the header": {field(abi.MAP_HDR_SIZE, 4096), "maps: PATH: byte 49 of the header is 0x10, but 0x90" + of},
		"directory":          {instead(func(path string) error { return os.Mkdir(path, 0o700) }), "maps: PATH: not a file"},
		"fifo":               {instead(func(path string) error { return unix.Mkfifo(path, 0o600) }), "maps: PATH: not a file"},
		"symbolic link": {instead(func(path string) error { return os.Symlink(path+".old", path) }),
			"maps: open PATH: too many levels of symbolic links"},
	} {
		t.Run(name, func(t *testing.T) {
			path := make1(t, counters)
			c.spoil(t, path)
			_, err := maps.Open(path)
			if got := strings.ReplaceAll(fmt.Sprint(err), path, "PATH"); got != c.want {
				t.Errorf("error %s\nwant  %s", got, c.want)
			}
			if name == "missing" {
				return
			}
			// Whoever makes a map does not use such a file either, nor replace it.
			err = maps.Make(path, counters)
			if got := strings.ReplaceAll(fmt.Sprint(err), path, "PATH"); got != c.want {
				t.Errorf("Make's error %s\nwant  %s", got, c.want)
			}
		})
	}
}

// TestForbidden: a map that this user may not read.
func TestForbidden(t *testing.T) {
	path := make1(t, counters)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		unix.Setfsuid(12345)   // root without its powers; nothing for others
		_, err := maps.Open(path)
		errs <- err
	}()
	if err := <-errs; !errors.Is(err, fs.ErrPermission) || err.Error() != "maps: open "+path+": permission denied" {
		t.Errorf("error %v", err)
	}
}

// TestForeign: a map that another user made is not used; a program could not write
// there. Only root can make one; others see one that they may not read.
func TestForeign(t *testing.T) {
	path := make1(t, counters)
	err, want := os.Chmod(path, 0), "maps: open "+path+": permission denied"
	if os.Geteuid() == 0 {
		err, want = os.Chown(path, 12345, 12345), "maps: "+path+" belongs to user 12345, not to 0: use another session, or remove it"
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := maps.Make(path, counters); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

// TestTaskStorageFile: a new one has nobody's storage; user space makes none, and there is no next key, as in the kernel.
func TestTaskStorageFile(t *testing.T) {
	spec := maps.Spec{Type: maps.TaskStorage, KeySize: 4, ValueSize: 12, MaxEntries: 9, Flags: maps.NoPrealloc}
	path := filepath.Join(t.TempDir(), "m")
	if err := maps.Make(path, spec); err != nil {
		t.Fatal(err)
	}
	m, err := maps.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Spec() != spec {
		t.Errorf("%+v, want %+v", m.Spec(), spec)
	}
	self := binary.LittleEndian.AppendUint32(nil, uint32(os.Getpid()))
	for what, err := range map[string]error{
		"lookup": second(m.Lookup(self)), "update": m.Update(self, make([]byte, 12), maps.Any), "delete": m.Delete(self),
	} {
		if !errors.Is(err, unix.ENOENT) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := second(m.NextKey(nil)); !errors.Is(err, unix.Errno(524)) {
		t.Errorf("next key: %v", err)
	}
	for key := range m.All() {
		t.Errorf("storage of %x", key)
	}
}

func second[T any](_ T, err error) error { return err }
