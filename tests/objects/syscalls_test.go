package objects

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// The ways of testdata/syscalls.bpf.c to look at a call.
const (
	tpEnter uint64 = iota
	tpExit
	rawEnter
	rawExit
	rawTPEnter
	rawTPExit
	tpBTFEnter
	tpBTFExit
	ksyscall
	kretsyscall
	ksyscallRegs
	coreRead
	newfstat
	fstat
	openTP
	openKsyscall
	getppid
	getppidExit
	sleepable
)

// What is in the maps as words: how often, number, six arguments, result, cookie.
func seenWords(nr, ret, cookie uint64, args ...uint64) []uint64 {
	words := append([]uint64{3, nr}, args...)
	return append(append(words, make([]uint64, 6-len(args))...), ret, cookie)
}

const (
	minus1, minus3, ebadf = ^uint64(0), ^uint64(2), ^uint64(8)
	copyFileRange         = 326
)

// wantSeen is what testdata/calls_of.c does.
func wantSeen() map[uint64][]uint64 {
	args := []uint64{minus1, 0x2222222222, minus3, 0x4444, 0x5555, 0x66}
	path := []byte("no/such/file\x00\x00\x00\x00")
	file := []uint64{number(path[:8]), number(path[8:]), 0x80000, 0o123}
	return map[uint64][]uint64{
		tpEnter: seenWords(copyFileRange, 0, 0, args...), tpExit: seenWords(copyFileRange, ebadf, 7),
		rawEnter: seenWords(copyFileRange, 0, 0, args...), rawExit: seenWords(copyFileRange, ebadf, 0),
		rawTPEnter: seenWords(copyFileRange, 0, 0, args...), rawTPExit: seenWords(copyFileRange, ebadf, 0),
		tpBTFEnter: seenWords(copyFileRange, 0, 0, args...), tpBTFExit: seenWords(copyFileRange, ebadf, 0),
		ksyscall: seenWords(copyFileRange, 0, 8, args[:5]...), kretsyscall: seenWords(copyFileRange, ebadf, 0),
		ksyscallRegs: seenWords(copyFileRange, 0, 0, args[:5]...), coreRead: seenWords(copyFileRange, 0, 0, args...),
		newfstat: seenWords(unix.SYS_FSTAT, 0, 0, minus1), fstat: seenWords(unix.SYS_FSTAT, ebadf, 0),
		openTP: seenWords(unix.SYS_OPENAT, 0, 0, file...), openKsyscall: seenWords(unix.SYS_OPENAT, 0, 0, file...),
		getppid: seenWords(unix.SYS_GETPPID, 0, 0), getppidExit: seenWords(unix.SYS_GETPPID, 1, 0),
		sleepable: seenWords(copyFileRange, 0, 0, args...),
	}
}

// onlyThem is the constant that makes the programs look at one command.
func onlyThem(command string) uint64 { return binary.LittleEndian.Uint64([]byte(command)) }

// TestSyscalls: whatever way a program has to look at a system call, it sees number, arguments and result; and so does
// the same object in the kernel, where that has the way.
func TestSyscalls(t *testing.T) {
	const command = "calls_of"
	forVariants(t, func(t *testing.T, v variant) {
		file := native(t, command, command+".c")
		c := host.Cmd{Args: []string{file}, Dir: host.WorkDir(t)}
		tr := trace(t, v, fmt.Sprintf(`objects: [{path: OBJ/syscalls.bpf.o, rodata: {only: %d}, attach: {
  tp_enter: tracepoint/syscalls/sys_enter_copy_file_range, tp_exit: {at: tp/syscalls/sys_exit_copy_file_range, cookie: 7},
  raw_enter: tracepoint/raw_syscalls/sys_enter, raw_exit: tp/raw_syscalls/sys_exit, raw_tp_enter: raw_tp/sys_enter,
  raw_tp_exit: raw_tracepoint/sys_exit, tp_btf_enter: tp_btf/sys_enter, tp_btf_exit: tp_btf/sys_exit,
  on_copy: {at: ksyscall/copy_file_range, cookie: 8}, on_copy_return: kretsyscall/copy_file_range, on_regs: ksyscall/copy_file_range,
  core_read: tp/syscalls/sys_enter_copy_file_range, newfstat: tp/syscalls/sys_enter_newfstat, fstat_exit: tp/syscalls/sys_exit_fstat,
  open_tp: tp/syscalls/sys_enter_openat, open_ksyscall: ksyscall/openat, on_getppid: tp/syscalls/sys_enter_getppid,
  on_getppid_exit: tp/syscalls/sys_exit_getppid, sleepable: tp.s/syscalls/sys_enter_copy_file_range}}]`, onlyThem(command)))
		if plain, _ := host.Compare(t, c, tr); plain.Exit != 23 {
			t.Fatalf("exit %d, stderr %q", plain.Exit, plain.Stderr)
		}
		got, want := wide(t, tr, "syscalls.seen"), wantSeen()
		for w := range max(len(got), len(want)) {
			if !slices.Equal(got[uint64(w)], want[uint64(w)]) {
				t.Errorf("way %d: %x, want %x", w, got[uint64(w)], want[uint64(w)])
			}
		}
		kernelSees(t, v.image(t, "syscalls"), c, want)
	})
}

// kernelSees has the kernel run the programs that it has places for.
func kernelSees(t *testing.T, image []byte, c host.Cmd, want map[uint64][]uint64) {
	t.Helper()
	all := loadAtCalls(t, image, func(spec *ebpf.CollectionSpec) error {
		return spec.Variables["only"].Set(onlyThem("calls_of"))
	})
	if all == nil {
		return
	}
	host.Run(t, c, nil)
	want = maps.Clone(want)
	for _, w := range []uint64{ksyscall, kretsyscall, ksyscallRegs, openKsyscall, sleepable, fstat} { // it has no kprobes here, and fewer names
		delete(want, w)
	}
	got := (&witness{t, all}).wide("seen")
	for w, words := range want {
		last := len(words) - 1 // cookies were not given
		got[w][1] &= 1<<32 - 1 // at tracepoints of one call it is an int, and what is behind it is left from before
		if !slices.Equal(got[w][:last], words[:last]) {
			t.Errorf("way %d: the kernel sees %x, want %x", w, got[w], words)
		}
	}
}

// loadAtCalls loads an object into the kernel and attaches those of its programs that are for tracepoints. nil, and a word
// in the test's log, where that is not allowed.
func loadAtCalls(t *testing.T, image []byte, change func(*ebpf.CollectionSpec) error) *ebpf.Collection {
	t.Helper()
	if os.Geteuid() != 0 || rlimit.RemoveMemlock() != nil || !ownTracefs() {
		t.Log("no second witness: it takes root, and a kernel with tracefs")
		return nil
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	if err := change(spec); err != nil {
		t.Fatal(err)
	}
	for name, p := range spec.Programs {
		if strings.Contains(p.SectionName, "ksyscall") || strings.Contains(p.SectionName, "kretsyscall") || strings.Contains(p.SectionName, ".s/") || p.SectionName[0] == '?' {
			delete(spec.Programs, name)
		}
	}
	all, err := ebpf.NewCollection(spec)
	if err != nil {
		t.Logf("no second witness: %v", err)
		return nil
	}
	t.Cleanup(all.Close)
	for name, p := range all.Programs {
		l, err := attachAtCall(spec.Programs[name], p)
		if err != nil {
			t.Logf("no second witness: %s: %v", name, err)
			return nil
		}
		t.Cleanup(func() { l.Close() })
	}
	return all
}

func attachAtCall(spec *ebpf.ProgramSpec, p *ebpf.Program) (link.Link, error) {
	parts := strings.Split(spec.SectionName, "/")
	switch last := parts[len(parts)-1]; parts[0] {
	case "raw_tracepoint", "raw_tp":
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: last, Program: p})
	case "tp_btf":
		return link.AttachTracing(link.TracingOptions{Program: p})
	default:
		return link.Tracepoint(parts[1], last, p, nil)
	}
}

// ownTracefs makes sure that the kernel's tracepoints have numbers that can be read: by this thread, which the goroutine
// keeps, and which sees a mount of its own where nobody has mounted tracefs.
func ownTracefs() bool {
	const there = "/sys/kernel/tracing/events/syscalls/sys_enter_openat/id"
	if _, err := os.Stat(there); err == nil {
		return true
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if unix.Unshare(unix.CLONE_NEWNS) != nil || unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") != nil ||
		unix.Mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, "") != nil {
		return false
	}
	_, err := os.Stat(there)
	return err == nil
}

// TestCallTails: a program at a system call goes on only with programs that are given the same context.
func TestCallTails(t *testing.T) {
	file := native(t, "calls_of", "calls_of.c")
	forVariants(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{file}, Dir: host.WorkDir(t)}
		tr := trace(t, v, "objects: [{path: OBJ/calltails.bpf.o, attach: {first: tp/syscalls/sys_enter_getppid}}]")
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		wantCounts(t, tr, "calltails", map[string]uint64{"entered": 3, "went_on": 3, "numbers": 3 * unix.SYS_GETPPID, "came_back": 0, "left": 3, "strangers": 0})
	})
}
