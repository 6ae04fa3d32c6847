//go:build linux && amd64

package exec_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/vm"
)

// The kernel as a judge of arenas. Its library writes no casts, so programs are loaded by the system call.

const (
	progLoad, progTestRun = 5, 10
	typeSyscall           = 31
	sleepable             = 1 << 4
)

func bpfCall(cmd uintptr, attr []byte) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(&attr[0])), uintptr(len(attr)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func pointerTo(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(&b[0]))) }

// kernelArena is an arena of the kernel's, mapped where its users have it, all pages there.
func kernelArena(t *testing.T, start uint64) (m *ebpf.Map, data []byte) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("asking the kernel needs root")
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: 33, MaxEntries: arenaPages, Flags: unix.BPF_F_MMAPABLE, MapExtra: start})
	if err != nil {
		t.Skipf("asking the kernel needs arenas: %v", err)
	}
	t.Cleanup(func() { m.Close() })
	at, err := unix.MmapPtr(m.FD(), 0, *(*unsafe.Pointer)(unsafe.Pointer(&start)), arenaPages*4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED_NOREPLACE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.MunmapPtr(at, arenaPages*4096) })
	return m, unsafe.Slice((*byte)(at), arenaPages*4096)
}

// runInKernel runs a program whose map 0 is the arena; its context is ctx, which it may change.
func runInKernel(t *testing.T, text string, m *ebpf.Map, ctx []byte) error {
	t.Helper()
	insns := vm.MustAssemble(text)
	for i, in := range insns {
		if in.IsMapRef() {
			insns[i].Imm = in.Imm&^0xffff_ffff | int64(m.FD())
		}
	}
	code, err := vm.Encode(insns)
	if err != nil {
		t.Fatal(err)
	}
	license, log := []byte("GPL\x00"), make([]byte, 1<<16)
	attr := make([]byte, 128)
	le := binary.LittleEndian
	le.PutUint32(attr, typeSyscall)
	le.PutUint32(attr[4:], uint32(len(code)/8))
	le.PutUint64(attr[8:], pointerTo(code))
	le.PutUint64(attr[16:], pointerTo(license))
	le.PutUint32(attr[24:], 1)
	le.PutUint32(attr[28:], uint32(len(log)))
	le.PutUint64(attr[32:], pointerTo(log))
	le.PutUint32(attr[44:], sleepable)
	fd, err := bpfCall(progLoad, attr)
	runtime.KeepAlive([][]byte{code, license, log})
	if err != nil {
		t.Logf("%s\n%s", text, bytes.TrimRight(log, "\x00"))
		return err
	}
	defer unix.Close(fd)
	run := make([]byte, 80)
	le.PutUint32(run, uint32(fd))
	le.PutUint32(run[40:], uint32(len(ctx)))
	le.PutUint64(run[48:], pointerTo(ctx))
	_, err = bpfCall(progTestRun, run)
	runtime.KeepAlive(ctx)
	return err
}

// TestArenaInKernel: the kernel reads and writes the same as both engines do, outside of the arena as well.
func TestArenaInKernel(t *testing.T) {
	const programs = 300
	for _, start := range arenaStarts {
		m, data := kernelArena(t, start)
		for seed := range uint64(programs) {
			rng := rand.New(rand.NewPCG(seed, start))
			ctx := make([]byte, 64)
			for i := range ctx[:56] {
				ctx[i] = byte(rng.Uint32())
			}
			text := "r9 = r1; r1 = map[0]; r8 = 1; r7 = map[0][0]+40; r6 = addr_space_cast(r7, 0x0, 0x1); r0 = 0\n"
			for range 5 + rng.IntN(40) {
				line := randomArena(rng)
				// The kernel's JIT has no loops for these in an arena.
				text += strings.NewReplacer("fetch_or", "fetch_add", "fetch_and", "fetch_add", "fetch_xor", "fetch_add").Replace(line) + "\n"
			}
			text += "*(u64 *)(r9 + 56) = r0; w0 = 0; exit"
			clear(data)
			theirs := bytes.Clone(ctx)
			if err := runInKernel(t, text, m, theirs); err != nil {
				t.Fatalf("the kernel: %v", err)
			}
			_, ours, changed := runArenaWith(t, text, start, ctx)
			if !bytes.Equal(theirs, changed) || !bytes.Equal(data, ours) {
				t.Fatalf("%s\nthe kernel's r0 %x, ours %x; memory is equal: %v", text, theirs[56:], changed[56:], bytes.Equal(data, ours))
			}
		}
	}
}
