package maps_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
)

// A kernelMap is a map of the kernel, and a program that does to it what serve.c does.
type kernelMap struct {
	t    testing.TB
	spec maps.Spec
	*ebpf.Map
	prog *ebpf.Program
	io   *ebpf.Map // what the program is asked, and answers
}

func makeKernelMap(spec maps.Spec) (*ebpf.Map, error) {
	m := &ebpf.MapSpec{Type: ebpf.MapType(spec.Type), KeySize: spec.KeySize, ValueSize: spec.ValueSize, MaxEntries: spec.MaxEntries, Flags: spec.Flags}
	if spec.Lock != 0 {
		m.Key, m.Value = btf.Type(&btf.Int{Name: "index", Size: 4}), lockedType(spec)
		if spec.Type != maps.Array {
			m.Key = bytesType(spec.KeySize)
		}
	}
	return ebpf.NewMap(m)
}

func bytesType(n uint32) btf.Type {
	byteType := &btf.Int{Name: "byte", Size: 1}
	return &btf.Array{Index: &btf.Int{Name: "index", Size: 4}, Type: byteType, Nelems: n}
}

// lockedType is a value of bytes around a lock.
func lockedType(spec maps.Spec) btf.Type {
	at := spec.Lock - 1
	lock := &btf.Struct{Name: "bpf_spin_lock", Size: 4, Members: []btf.Member{{Name: "val", Type: &btf.Int{Name: "u32", Size: 4}}}}
	s := &btf.Struct{Name: "value", Size: spec.ValueSize, Members: []btf.Member{{Name: "lock", Type: lock, Offset: btf.Bits(at * 8)}}}
	if at > 0 {
		s.Members = append([]btf.Member{{Name: "before", Type: bytesType(at)}}, s.Members...)
	}
	if behind := at + 4; behind < spec.ValueSize {
		s.Members = append(s.Members, btf.Member{Name: "behind", Type: bytesType(spec.ValueSize - behind), Offset: btf.Bits(behind * 8)})
	}
	return s
}

// needsKernel ends the test where the kernel makes no maps and runs no program for us.
func needsKernel(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may ask the kernel")
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Log(err)
	}
	m, err := makeKernelMap(maps.Spec{Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Skipf("this kernel makes no map for us: %v", err)
	}
	m.Close()
}

// onOneCPU keeps the test's goroutine there, so that per-CPU types have one value.
func onOneCPU(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // for ever: the thread ends with the test
	var one unix.CPUSet
	one.Set(0)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
}

func openKernelMap(t testing.TB, spec maps.Spec) *kernelMap {
	t.Helper()
	m, err := makeKernelMap(spec)
	if err != nil {
		t.Fatalf("%v: %v", spec, err)
	}
	t.Cleanup(func() { m.Close() })
	k := &kernelMap{t: t, spec: spec, Map: m}
	k.io, err = makeKernelMap(maps.Spec{Type: maps.Array, KeySize: 4, ValueSize: uint32(ioKey + words(spec.KeySize) + words(spec.ValueSize)), MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.io.Close() })
	kind := ebpf.SocketFilter
	if spec.Lock != 0 { // one that may use locks
		kind = ebpf.SchedCLS
	}
	k.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{Type: kind, Instructions: k.program(), License: "GPL"})
	if err != nil {
		t.Fatalf("%v: %v", spec, err)
	}
	t.Cleanup(func() { k.prog.Close() })
	return k
}

// What is in io: u64 op, u64 flags, u64 result, the key, the value, both of whole words.
const (
	ioOp = 8 * iota
	ioFlags
	ioResult
	ioKey
)

func words(n uint32) int16 { return int16(n+7) &^ 7 }

func (k *kernelMap) program() asm.Instructions {
	ks, vs := words(k.spec.KeySize), words(k.spec.ValueSize)
	in := asm.Instructions{asm.LoadMapValue(asm.R6, k.io.FD(), 0)}
	for at := int16(0); at < ks+vs; at += 8 {
		in = append(in, asm.LoadMem(asm.R0, asm.R6, ioKey+at, asm.DWord), asm.StoreMem(asm.RFP, at-ks-vs, asm.R0, asm.DWord))
	}
	in = append(in,
		asm.LoadMem(asm.R7, asm.R6, ioOp, asm.DWord), asm.LoadMapPtr(asm.R1, k.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, int32(-ks-vs)),
		asm.JEq.Imm(asm.R7, opUpdate, "update"), asm.JEq.Imm(asm.R7, opDelete, "delete"),
		asm.FnMapLookupElem.Call(), asm.JEq.Imm(asm.R0, 0, "end"))
	at := int16(0)
	for size := asm.DWord; at < int16(k.spec.ValueSize); at += int16(size.Sizeof()) {
		if at+8 > int16(k.spec.ValueSize) || k.spec.Lock != 0 {
			size = asm.Byte
		}
		if lock := int16(k.spec.Lock) - 1; lock >= 0 && at >= lock && at < lock+4 { // the program may not look at it
			continue
		}
		in = append(in, asm.LoadMem(asm.R1, asm.R0, at, size), asm.StoreMem(asm.R6, ioKey+ks+at, asm.R1, size))
	}
	return append(in,
		asm.Mov.Imm(asm.R0, 1), asm.Ja.Label("end"),
		asm.Mov.Reg(asm.R3, asm.RFP).WithSymbol("update"), asm.Add.Imm(asm.R3, int32(-vs)), asm.LoadMem(asm.R4, asm.R6, ioFlags, asm.DWord),
		asm.FnMapUpdateElem.Call(), asm.Ja.Label("end"),
		asm.FnMapDeleteElem.Call().WithSymbol("delete"),
		asm.StoreMem(asm.R6, ioResult, asm.R0, asm.DWord).WithSymbol("end"), asm.Mov.Imm(asm.R0, 0), asm.Return())
}

// run is ask of a server.
func (k *kernelMap) run(op int, key, value []byte, flags uint64) (int64, []byte) {
	k.t.Helper()
	ks := int(words(k.spec.KeySize))
	io := make([]byte, ioKey+ks+int(words(k.spec.ValueSize)))
	binary.LittleEndian.PutUint64(io[ioOp:], uint64(op))
	binary.LittleEndian.PutUint64(io[ioFlags:], flags)
	copy(io[ioKey:], key)
	copy(io[ioKey+ks:], value)
	if err := k.io.Put(uint32(0), io); err != nil {
		k.t.Fatal(err)
	}
	if _, _, err := k.prog.Test(make([]byte, 14)); err != nil {
		k.t.Fatal(err)
	}
	if err := k.io.Lookup(uint32(0), &io); err != nil {
		k.t.Fatal(err)
	}
	return int64(binary.LittleEndian.Uint64(io[ioResult:])), io[ioKey+ks : ioKey+ks+int(k.spec.ValueSize)]
}

// both has a program do the same here and in the kernel.
type both struct {
	t    *testing.T
	spec maps.Spec
	k    *kernelMap
	c    *server
	g    *maps.Map
	what string
}

func makeBoth(t *testing.T, spec maps.Spec) *both {
	t.Helper()
	onOneCPU(t)
	path := makeMap(t, spec)
	b := &both{t: t, spec: spec, k: openKernelMap(t, spec), c: serve(t, makeSession(t), path, spec), g: openWriter(t, path)}
	// so that the only lease has a block, as the only CPU has
	key := make([]byte, spec.KeySize)
	b.program(opUpdate, key, make([]byte, spec.ValueSize), 0)
	b.program(opDelete, key, nil, 0)
	return b
}

func (b *both) program(op int, key, value []byte, flags uint64) {
	b.t.Helper()
	want, theirs := b.k.run(op, key, value, flags)
	got, ours, err := b.c.ask(op, 0, key, value, flags) // the lease whose block Go writes to
	if err != nil {
		b.t.Fatal(err)
	}
	if lock := b.spec.Lock; lock != 0 { // which a program does not see in the kernel
		clear(ours[lock-1:][:4])
		clear(theirs[lock-1:][:4])
	}
	if got != want || op == opLookup && got == 1 && !bytes.Equal(ours, theirs) {
		b.t.Fatalf("%s: program, op %d, key %x, flags %d: %d, %x; the kernel: %d, %x", b.what, op, key, flags, got, ours, want, theirs)
	}
}

// flat is a value of one CPU, or all of them, of which one is not zero.
func flat(values [][]byte) (sum []byte) {
	for _, v := range values {
		if sum == nil || bytes.Count(sum, []byte{0}) == len(sum) {
			sum = v
		}
	}
	return sum
}

func (b *both) kernelValue(key []byte, read func(key, out any) error) ([]byte, error) {
	if !b.spec.Type.IsPerCPU() {
		var v []byte
		err := read(key, &v)
		return v, err
	}
	var v [][]byte
	err := read(key, &v)
	return flat(v), err
}

// same: both have the same errno, or none and the same bytes.
func (b *both) same(op string, key, ours []byte, err error, theirs []byte, kerr error) {
	b.t.Helper()
	if got, want := errnoOf(b.t, err), errnoOf(b.t, kerr); got != want || err == nil && !bytes.Equal(ours, theirs) {
		b.t.Fatalf("%s: %s of %x: %x, %v; the kernel: %x, %v", b.what, op, key, ours, err, theirs, kerr)
	}
}

func (b *both) user(op string, key, value []byte, flags uint64) {
	b.t.Helper()
	switch op {
	case "lookup":
		theirs, kerr := b.kernelValue(key, b.k.Lookup)
		ours, err := b.g.Lookup(key)
		b.same(op, key, flat(ours), err, theirs, kerr)
	case "lookup with a lock":
		theirs, kerr := b.kernelValue(key, func(key, out any) error { return b.k.LookupWithFlags(key, out, ebpf.MapLookupFlags(flags)) })
		ours, err := b.g.LookupFlags(key, flags)
		b.same(fmt.Sprint(op, " flags ", flags), key, flat(ours), err, theirs, kerr)
	case "lookup and delete":
		theirs, kerr := b.kernelValue(key, b.k.LookupAndDelete)
		ours, err := b.g.LookupAndDelete(key)
		b.same(op, key, flat(ours), err, theirs, kerr)
	case "update":
		var v any = value
		if b.spec.Type.IsPerCPU() {
			all := make([][]byte, ebpf.MustPossibleCPU())
			for i := range all {
				all[i] = make([]byte, len(value))
			}
			all[0], v = value, all
		}
		b.same(fmt.Sprint(op, " flags ", flags), key, nil, b.g.Update(key, value, flags), nil, b.k.Update(key, v, ebpf.MapUpdateFlags(flags)))
	case "delete":
		b.same(op, key, nil, b.g.Delete(key), nil, b.k.Delete(key))
	case "next key":
		if b.isHash() {
			key = nil // which one is behind a key is not said
		}
		var theirs []byte
		kerr := b.k.NextKey(nilOr(key), &theirs)
		ours, err := b.g.NextKey(key)
		if b.isHash() && err == nil {
			ours = theirs
		}
		b.same(op, key, ours, err, theirs, kerr)
	}
}

func (b *both) isHash() bool {
	return b.spec.Type != maps.Array && b.spec.Type != maps.PercpuArray && b.spec.Type != maps.LPMTrie
}

func nilOr(key []byte) any {
	if key == nil {
		return nil
	}
	return key
}

// dump compares all there is: in order, or, of a hash, as a set.
func (b *both) dump() {
	b.t.Helper()
	type pair struct{ key, value []byte }
	var theirs []pair
	var key []byte
	for next := any(nil); ; next = key {
		var k []byte
		if err := b.k.NextKey(next, &k); err != nil {
			break
		}
		key = k
		v, err := b.kernelValue(key, b.k.Lookup)
		if err != nil && b.spec.Type != maps.LPMTrie {
			b.t.Fatal(err)
		}
		theirs = append(theirs, pair{key, v})
	}
	set := map[string][]byte{}
	for _, p := range theirs {
		set[string(p.key)] = p.value
	}
	n := 0
	var last []byte
	for key, values := range b.g.All() {
		want, ok := set[string(key)]
		if !b.isHash() && (n >= len(theirs) || !bytes.Equal(theirs[n].key, key)) {
			b.t.Fatalf("entry %d is %x: another order than the kernel's, %x", n, key, theirs)
		}
		if !ok || !bytes.Equal(flat(values), want) {
			b.t.Fatalf("key %x has %x; the kernel: %x, %v", key, values, want, ok)
		}
		next, err := b.g.NextKey(last)
		if err != nil || !bytes.Equal(next, key) {
			b.t.Fatalf("behind %x comes %x, %v, not %x", last, next, err, key)
		}
		last = key
		n++
	}
	if next, err := b.g.NextKey(last); n != len(theirs) || errnoOf(b.t, err) != unix.ENOENT {
		b.t.Fatalf("%d entries; the kernel: %d; behind the last comes %x, %v", n, len(theirs), next, err)
	}
}

// exact are the types that the kernel and we have. LRU types are drawn a quarter full:
// how full is full is the kernel's secret, with its lists for each CPU.
var exact = []maps.Spec{
	{Type: maps.Array, KeySize: 4, ValueSize: 12, MaxEntries: 9},
	{Type: maps.Array, KeySize: 4, ValueSize: 1, MaxEntries: 1, Flags: maps.Mmapable},
	{Type: maps.Array, KeySize: 4, ValueSize: 12, MaxEntries: 9, Lock: 1},
	{Type: maps.Array, KeySize: 4, ValueSize: 36, MaxEntries: 3, Lock: 13},
	{Type: maps.Hash, KeySize: 8, ValueSize: 24, MaxEntries: 20, Lock: 9},
	{Type: maps.Hash, KeySize: 20, ValueSize: 21, MaxEntries: 20, Lock: 17, Flags: maps.NoPrealloc},
	{Type: maps.PercpuArray, KeySize: 4, ValueSize: 8, MaxEntries: 9},
	{Type: maps.PercpuArray, KeySize: 4, ValueSize: 20, MaxEntries: 3},
	{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 20},
	{Type: maps.Hash, KeySize: 3, ValueSize: 5, MaxEntries: 1},
	{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 20, Flags: maps.NoPrealloc},
	{Type: maps.Hash, KeySize: 41, ValueSize: 100, MaxEntries: 33, Flags: maps.ZeroSeed},
	{Type: maps.PercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 20},
	{Type: maps.PercpuHash, KeySize: 5, ValueSize: 30, MaxEntries: 7, Flags: maps.NoPrealloc},
	{Type: maps.LRUHash, KeySize: 8, ValueSize: 16, MaxEntries: 4000},
	{Type: maps.LRUHash, KeySize: 8, ValueSize: 16, MaxEntries: 4000, Flags: maps.NoCommonLRU},
	{Type: maps.LRUPercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 4000},
	{Type: maps.LPMTrie, KeySize: 5, ValueSize: 1, MaxEntries: 7, Flags: maps.NoPrealloc},
	{Type: maps.LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 40, Flags: maps.NoPrealloc},
	{Type: maps.LPMTrie, KeySize: 20, ValueSize: 30, MaxEntries: 60, Flags: maps.NoPrealloc},
}

func exactKey(r *rand.Rand, spec maps.Spec) []byte {
	switch {
	case spec.Type == maps.LPMTrie:
		return prefixKey(r, spec.KeySize)
	case isLRU(spec):
		return keyed(spec.KeySize, r.IntN(int(spec.MaxEntries)/4))
	}
	return keyed(spec.KeySize, r.IntN(nkeys(spec)))
}

// TestKernelAgrees: the same random operations, by programs and by user space, have the
// results, the errno and the values here that they have in the kernel.
func TestKernelAgrees(t *testing.T) {
	rounds := 6000
	if os.Getenv(torture) != "" {
		rounds = 300_000
	}
	needsKernel(t)
	for _, spec := range exact {
		t.Run(fmt.Sprint(spec), func(t *testing.T) {
			b := makeBoth(t, spec)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 8))
			for i := range rounds {
				b.what = fmt.Sprint("step ", i)
				key, value, flags := exactKey(r, spec), randomBytes(r, spec.ValueSize), uint64(r.IntN(4))
				if r.IntN(10) == 0 {
					flags = []uint64{4, 5, 6, 7, 8, 16, 1 << 32, 1 << 63}[r.IntN(8)]
				}
				value[0] |= 1 // not all zero
				switch op := r.IntN(20); {
				case op < 10:
					b.program([]int{opLookup, opUpdate, opUpdate, opDelete}[op%4], key, value, flags)
				case op == 18 && r.IntN(2) == 0 && !spec.Type.IsPerCPU():
					b.user("lookup with a lock", key, nil, []uint64{0, 4, 4, 4, 1, 5, 1 << 40}[r.IntN(7)])
				case op == 19 && r.IntN(4) == 0:
					b.user("next key", nil, nil, 0)
				default:
					b.user([]string{"lookup", "update", "update", "delete", "lookup and delete", "next key"}[op%6], key, value, flags)
				}
				if i%500 == 0 {
					b.dump()
				}
			}
			b.dump()
		})
	}
}

// TestKernelBatches: batches have the results that they have in the kernel, and together
// all entries once.
func TestKernelBatches(t *testing.T) {
	needsKernel(t)
	for _, spec := range exact {
		if spec.Type.IsPerCPU() || spec.MaxEntries == 1 {
			continue
		}
		t.Run(fmt.Sprint(spec), func(t *testing.T) {
			b := makeBoth(t, spec)
			n := min(int(spec.MaxEntries), 30)
			r := rand.New(rand.NewPCG(9, 9))
			var keys, values [][]byte
			seen := map[string]bool{}
			for i := 0; len(keys) < n && i < 1000; i++ {
				if key := exactKey(r, spec); !seen[string(key)] {
					seen[string(key)] = true
					keys, values = append(keys, key), append(values, randomBytes(r, spec.ValueSize))
				}
			}
			for _, flags := range []uint64{maps.Exist, maps.NoExist, maps.Any, 4} {
				want, kerr := b.k.BatchUpdate(arrays(keys), arrays(values), &ebpf.BatchOptions{ElemFlags: flags})
				got, err := b.g.UpdateBatch(keys, values, flags)
				if b.same(fmt.Sprint("update batch, flags ", flags), nil, nil, err, nil, kerr); flags == maps.Any && got != want { // else the kernel leaves the number as it was
					t.Fatalf("flags %d: %d, %v; the kernel: %d, %v", flags, got, err, want, kerr)
				}
				b.dump()
			}
			for _, remove := range []bool{false, true} {
				b.lookupBatches(remove)
			}
			for range 2 {
				want, kerr := b.k.BatchDelete(arrays(keys), nil)
				got, err := b.g.DeleteBatch(keys)
				if b.same("delete batch", nil, nil, err, nil, kerr); got != want && b.spec.Type != maps.Array {
					t.Fatalf("deleted %d; the kernel: %d", got, want)
				}
				b.dump()
				b.user("update", keys[0], values[0], 0)
			}
		})
	}
}

// arrays is a list as cilium wants it: [][n]byte.
func arrays(list [][]byte) any {
	out := reflect.MakeSlice(reflect.SliceOf(reflect.ArrayOf(len(list[0]), reflect.TypeFor[byte]())), len(list), len(list))
	for i, b := range list {
		reflect.Copy(out.Index(i), reflect.ValueOf(b))
	}
	return out.Interface()
}

func element(list any, i int) []byte { return bytes.Clone(reflect.ValueOf(list).Index(i).Bytes()) }

// lookupBatches reads all by batches, and may remove it.
func (b *both) lookupBatches(remove bool) {
	b.t.Helper()
	theirs, ours := b.k.BatchLookup, b.g.LookupBatch
	if remove {
		theirs, ours = b.k.BatchLookupAndDelete, b.g.LookupAndDeleteBatch
	}
	want, got := map[string][]byte{}, map[string][]byte{}
	var kc ebpf.MapBatchCursor
	var c maps.Cursor
	var kerr, err error
	for kerr == nil {
		empty := func(size uint32) any { return arrays(slices.Repeat([][]byte{make([]byte, size)}, 20)) }
		keys, values := empty(b.spec.KeySize), empty(b.spec.ValueSize)
		var n int
		n, kerr = theirs(&kc, keys, values, nil)
		for i := range n {
			want[string(element(keys, i))] = element(values, i)
		}
	}
	for err == nil {
		var list []maps.Entry
		list, err = ours(&c, 20)
		for _, e := range list {
			if got[string(e.Key)] != nil {
				b.t.Errorf("key %x comes twice", e.Key)
			}
			got[string(e.Key)] = e.Values[0]
		}
	}
	b.same("lookup batch", nil, nil, err, nil, kerr)
	if !sameMap(got, want) {
		b.t.Errorf("%x; the kernel: %x", got, want)
	}
	b.dump()
}

// TestKernelForgets: an LRU type keeps about as many of the keys that are used as the
// kernel's.
func TestKernelForgets(t *testing.T) {
	needsKernel(t)
	for _, spec := range []maps.Spec{
		{Type: maps.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: 512},
		{Type: maps.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: 512, Flags: maps.NoCommonLRU},
		{Type: maps.LRUPercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 2000},
	} {
		b := makeBoth(t, spec)
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		keys := zipfKeys(seed, 40_000)
		hits := func(run func(op int, key, value []byte) int64) int {
			return zipfHits(keys, func(k []byte) bool { return run(opLookup, k, nil) == 1 }, func(k []byte) {
				if r := run(opUpdate, k, k); r != 0 {
					t.Fatal(r)
				}
			})
		}
		theirs := hits(func(op int, k, v []byte) int64 { r, _ := b.k.run(op, k, v, 0); return r })
		ours := hits(func(op int, k, v []byte) int64 {
			r, _, err := b.c.ask(op, 0, k, v, 0)
			if err != nil {
				t.Fatal(err)
			}
			return r
		})
		t.Logf("%v: of 20000 keys %d were there; in the kernel %d", spec, ours, theirs)
		if ours < theirs*9/10 {
			t.Errorf("%v: of 20000 keys %d were there; in the kernel %d", spec, ours, theirs)
		}
	}
}

// TestKernelMakes: what can be made here can be made there, and the other way round.
func TestKernelMakes(t *testing.T) {
	needsKernel(t)
	types := []maps.Type{maps.Array, maps.PercpuArray, maps.Hash, maps.PercpuHash, maps.LRUHash, maps.LRUPercpuHash, maps.LPMTrie}
	for _, typ := range types {
		var specs []maps.Spec
		for flags := range uint32(1 << 13) {
			if n := bytes.Count([]byte(fmt.Sprintf("%b", flags)), []byte("1")); n > 2 || flags&(1<<5|1<<9|1<<11|1<<12) != 0 {
				continue // stack_build_id, clone, and what only other types know
			}
			specs = append(specs, maps.Spec{Type: typ, KeySize: 8, ValueSize: 8, MaxEntries: 4, Flags: flags}, maps.Spec{Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 4, Flags: flags})
		}
		for _, size := range []uint32{0, 1, 3, 4, 5, 8, 260, 261, 512} {
			for _, flags := range []uint32{0, maps.NoPrealloc} {
				specs = append(specs, maps.Spec{Type: typ, KeySize: size, ValueSize: 8, MaxEntries: 4, Flags: flags}, maps.Spec{Type: typ, KeySize: 8, ValueSize: size, MaxEntries: 4, Flags: flags},
					maps.Spec{Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: size, Flags: flags})
			}
		}
		for _, s := range specs {
			m, kerr := makeKernelMap(s)
			if kerr == nil {
				m.Close()
			}
			if err := s.Check(); (err == nil) != (kerr == nil) {
				t.Errorf("%v: %v; the kernel: %v", s, err, firstOf(kerr))
			}
		}
	}
}

func firstOf(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}
