package maps_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/maps/ringbuf"
)

var sanitized = []string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-sanitize=alignment"}

// spoilt are small maps of every type with something in them.
var spoilt = []maps.Spec{
	{Type: maps.Array, KeySize: 4, ValueSize: 12, MaxEntries: 5},
	{Type: maps.Hash, KeySize: 8, ValueSize: 16, MaxEntries: 12},
	{Type: maps.Hash, KeySize: 12, ValueSize: 5000, MaxEntries: 6},
	{Type: maps.PercpuArray, KeySize: 4, ValueSize: 8, MaxEntries: 5},
	{Type: maps.PercpuArray, KeySize: 4, ValueSize: 20000, MaxEntries: 5},
	{Type: maps.PercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 12},
	wholePages(),
	{Type: maps.LRUHash, KeySize: 8, ValueSize: 16, MaxEntries: 12},
	{Type: maps.LRUPercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 12},
	{Type: maps.LPMTrie, KeySize: 8, ValueSize: 16, MaxEntries: 12, Flags: maps.NoPrealloc},
	{Type: maps.LPMTrie, KeySize: 20, ValueSize: 8, MaxEntries: 12, Flags: maps.NoPrealloc},
}

// wholePages is a hash whose last node ends with a page, so that one beyond is seen.
func wholePages() maps.Spec {
	s := maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 1}
	for s.Size()%4096 != 0 {
		s.MaxEntries++
	}
	return s
}

// keyFor makes the n-th key: of a trie, whole prefixes and half ones.
func keyFor(spec maps.Spec, n int) []byte {
	if spec.Type != maps.LPMTrie {
		return keyed(spec.KeySize, n)
	}
	length := (spec.KeySize - 4) * 8 >> (n % 2)
	return append(binary.LittleEndian.AppendUint32(nil, length), keyed(spec.KeySize-4, n|n<<8)...)
}

func populated(t *testing.T, spec maps.Spec) string {
	t.Helper()
	path := makeMap(t, spec)
	c := serve(t, makeSession(t), path, spec)
	for n := range int(spec.MaxEntries) {
		if errno := c.do(opUpdate, n*5%abi.SESSION_NLEASES, keyFor(spec, n), randomBytes(rand.New(rand.NewPCG(uint64(n), 1)), spec.ValueSize), 0); errno != 0 {
			t.Fatal(errno)
		}
	}
	c.do(opUpdate, 3, keyFor(spec, 1), make([]byte, spec.ValueSize), 0)
	c.stop()
	return path
}

// TestHeaders: each byte of a header is changed. Go refuses the file, if it is not one of
// another definition, or another seed. C refuses it, or works with it and stays in it.
func TestHeaders(t *testing.T) {
	for _, spec := range spoilt {
		t.Run(fmt.Sprint(spec.Type, spec.KeySize, spec.ValueSize, spec.MaxEntries), func(t *testing.T) {
			t.Parallel()
			path := populated(t, spec)
			refused := 0
			for at := range int64(abi.MAP_HDR_CONTROL + 8) {
				for _, change := range []byte{1, 0x80, 0xff} {
					restore := poke(t, path, at, change)
					m, err := maps.Open(path)
					if err == nil {
						another := at >= abi.MAP_HDR_KEY_SIZE && at < abi.MAP_HDR_NSLOTS && m.Spec() != spec && m.Spec().Size() == spec.Size()
						if isSeed := at >= abi.MAP_HDR_SEED && at < abi.MAP_HDR_SEED+8; !isSeed && !another {
							t.Errorf("byte %d changed by %#x: Go opens %v", at, change, m.Spec())
						}
						m.Close()
					}
					if change == 1 && at%2 == 0 || change == 0xff && at%4 == 3 || os.Getenv(torture) != "" {
						refused += useC(t, path, spec)
					}
					restore()
				}
			}
			if refused == 0 {
				t.Error("C refused nothing")
			}
		})
	}
}

// TestCheck: headers that C has to refuse, each wrong in one field.
func TestCheck(t *testing.T) {
	type field struct {
		name  string
		at    int64
		size  int
		value uint64
	}
	u32 := func(name string, at int64, v uint64) field { return field{name, at, 4, v} }
	u64 := func(name string, at int64, v uint64) field { return field{name, at, 8, v} }
	all := []field{
		u64("magic", abi.MAP_HDR_MAGIC, 1), u32("version", abi.MAP_HDR_VERSION, 2), u32("no type", abi.MAP_HDR_TYPE, 0), u32("type", abi.MAP_HDR_TYPE, 15),
		u32("no value", abi.MAP_HDR_VALUE_SIZE, 0), u32("value size", abi.MAP_HDR_VALUE_SIZE, 1<<31),
		u32("value stride", abi.MAP_HDR_VALUE_STRIDE, 8192), u32("no value stride", abi.MAP_HDR_VALUE_STRIDE, 0), u64("size", abi.MAP_HDR_SIZE, 1<<40),
	}
	blocks := []field{
		u32("no blocks", abi.MAP_HDR_NSLOTS, 0), u32("blocks", abi.MAP_HDR_NSLOTS, 513), u64("no stride", abi.MAP_HDR_STRIDE, 0),
		u64("stride", abi.MAP_HDR_STRIDE, 1<<33), u64("odd stride", abi.MAP_HDR_STRIDE, 65), u64("data", abi.MAP_HDR_DATA, 1<<63),
		u64("data in the header", abi.MAP_HDR_DATA, 8), u64("odd data", abi.MAP_HDR_DATA, 4097),
	}
	hash := []field{
		u32("no key", abi.MAP_HDR_KEY_SIZE, 0), u32("key", abi.MAP_HDR_KEY_SIZE, 513), u32("mask", abi.MAP_HDR_BUCKET_MASK, 14),
		u32("a large mask", abi.MAP_HDR_BUCKET_MASK, 1<<32-1), u64("buckets", abi.MAP_HDR_BUCKETS, 1<<40), u64("no buckets", abi.MAP_HDR_BUCKETS, 0),
		u64("nodes", abi.MAP_HDR_NODES, 1<<40), u64("nodes in the header", abi.MAP_HDR_NODES, 64), u32("many nodes", abi.MAP_HDR_NNODES, 1<<20),
		u32("very many nodes", abi.MAP_HDR_NNODES, 1<<31), u32("no nodes", abi.MAP_HDR_NNODES, 0), u32("odd nodes", abi.MAP_HDR_NODE_STRIDE, 33),
		u32("small nodes", abi.MAP_HDR_NODE_STRIDE, 8), u64("free", abi.MAP_HDR_FREE, 1<<40), u64("records", abi.MAP_HDR_RECORDS, 1<<40),
		u64("no control", abi.MAP_HDR_CONTROL, 0), u32("value in the key", abi.MAP_HDR_VALUE_AT, 8), u32("value beyond the node", abi.MAP_HDR_VALUE_AT, 4096),
	}
	entries := u32("entries", abi.MAP_HDR_MAX_ENTRIES, 3000)
	for _, c := range []struct {
		spec   maps.Spec
		fields [][]field
	}{
		{spoilt[0], [][]field{all, blocks, {entries, u32("key", abi.MAP_HDR_KEY_SIZE, 8)}}},
		{spoilt[1], [][]field{all, hash}},
		{spoilt[3], [][]field{all, blocks, {entries, u64("control", abi.MAP_HDR_CONTROL, 1<<40)}}},
		{spoilt[4], [][]field{all, blocks, {entries, u64("no control", abi.MAP_HDR_CONTROL, 0)}}},
		{spoilt[7], [][]field{all, hash, {u32("no room for REF", abi.MAP_HDR_NODE_STRIDE, 32), u32("blocks", abi.MAP_HDR_NSLOTS, 64)}}},
		{spoilt[8], [][]field{all, hash[:14], blocks, {u32("no room for REF", abi.MAP_HDR_NODE_STRIDE, 16)}}},
		{spoilt[9], [][]field{all, hash, {u32("no data", abi.MAP_HDR_KEY_SIZE, 4), u32("a long prefix", abi.MAP_HDR_KEY_SIZE, 261),
			u32("value in the key as given", abi.MAP_HDR_VALUE_AT, 16), u32("blocks", abi.MAP_HDR_NSLOTS, 64)}}},
		{spoilt[5], [][]field{all, hash[:14], blocks, {u64("no control", abi.MAP_HDR_CONTROL, 0)}}},
		{ringOf(4096), [][]field{{all[0], all[1], all[8], u32("half", abi.MAP_HDR_MAX_ENTRIES, 2048), u32("twice", abi.MAP_HDR_MAX_ENTRIES, 8192),
			u32("no power of two", abi.MAP_HDR_MAX_ENTRIES, 4104), u32("nothing", abi.MAP_HDR_MAX_ENTRIES, 0),
			u64("data", abi.MAP_HDR_DATA, 4096), u64("control", abi.MAP_HDR_CONTROL, 8192)}}},
		{maps.Spec{Type: maps.StackTrace, KeySize: 4, ValueSize: 80, MaxEntries: 100}, [][]field{all, {
			u32("key", abi.MAP_HDR_KEY_SIZE, 8), u32("odd value", abi.MAP_HDR_VALUE_SIZE, 81), u32("mask", abi.MAP_HDR_BUCKET_MASK, 126),
			u32("a large mask", abi.MAP_HDR_BUCKET_MASK, 1<<20-1), u32("stride", abi.MAP_HDR_NODE_STRIDE, 80),
			u64("buckets", abi.MAP_HDR_BUCKETS, 1<<40), u64("odd buckets", abi.MAP_HDR_BUCKETS, 8196), u64("no control", abi.MAP_HDR_CONTROL, 0)}}},
		{maps.Spec{Type: maps.PerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: 2}, [][]field{{all[0], all[1], all[8],
			u64("half", abi.MAP_HDR_STRIDE, 256<<10), u64("twice", abi.MAP_HDR_STRIDE, 1<<20), u64("no power of two", abi.MAP_HDR_STRIDE, 512<<10+8),
			u64("nothing", abi.MAP_HDR_STRIDE, 0), u64("data", abi.MAP_HDR_DATA, 4096), u64("control", abi.MAP_HDR_CONTROL, 8192)}}},
	} {
		path := makeMap(t, c.spec)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range slices.Concat(c.fields...) {
			overwrite(t, path, b)
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			file.WriteAt(binary.LittleEndian.AppendUint64(nil, f.value)[:f.size], f.at)
			file.Close()
			out, err := exec.Command(build(t, "testdata/serve.c"), "-", path).CombinedOutput()
			if err != nil || string(out) != "no\n" {
				t.Errorf("%v: %s: %v, %q", c.spec.Type, f.name, err, out)
			}
		}
	}
}

// poke changes a byte, and returns what changes it back.
func poke(t *testing.T, path string, at int64, change byte) (restore func()) {
	t.Helper()
	flip := func() {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= change
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	flip()
	return flip
}

// useC has a process use a map whose header was changed; 1: it refused to. The sizes of
// keys and values are what the process was told.
func useC(t *testing.T, path string, spec maps.Spec) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spec.KeySize, spec.ValueSize = binary.LittleEndian.Uint32(b[abi.MAP_HDR_KEY_SIZE:]), binary.LittleEndian.Uint32(b[abi.MAP_HDR_VALUE_SIZE:])
	c := serve(t, "-", path, spec)
	defer c.stop()
	if spec.KeySize > 1000 || spec.ValueSize > 1<<18 { // serve has no room for such
		c.in.Close()
		said, _ := io.ReadAll(c.out)
		if string(said) != "no\n" {
			t.Errorf("accepted: keys of %d bytes, values of %d", spec.KeySize, spec.ValueSize)
		}
		return 1
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		_, _, err := c.ask(r.IntN(4)+1, r.IntN(512), keyed(max(1, spec.KeySize), r.IntN(20))[:spec.KeySize], nil, 0)
		if err != nil {
			return 1 // stop says whether it was refused or has crashed
		}
	}
	return 0
}

// TestSpoilt: anything but the header may hold anything. Operations end, within the
// mapping, with some result, in C and in Go.
func TestSpoilt(t *testing.T) {
	rounds := 150
	if os.Getenv(torture) != "" {
		rounds = 5000
	}
	for _, spec := range spoilt {
		t.Run(fmt.Sprint(spec.Type, spec.KeySize, spec.ValueSize, spec.MaxEntries), func(t *testing.T) {
			t.Parallel()
			path := populated(t, spec)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c, g := serve(t, makeSession(t), path, spec, sanitized...), openWriter(t, path)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 3))
			for range rounds {
				spoil(t, path, whole, r)
				useSpoilt(t, c, g, spec, r)
			}
		})
	}
}

// spoil writes a few bad words somewhere, most of them where structure is.
func spoil(t *testing.T, path string, whole []byte, r *rand.Rand) {
	t.Helper()
	b := bytes.Clone(whole)
	structure := min(len(b), abi.MAP_DATA_OFF+200_000)
	if nodes := binary.LittleEndian.Uint64(b[abi.MAP_HDR_NODES:]); nodes != 0 && r.IntN(2) == 0 {
		structure = int(nodes) + 40*100
	}
	nnodes := uint64(binary.LittleEndian.Uint32(b[abi.MAP_HDR_NNODES:]))
	for range 1 + r.IntN(40) {
		words := []uint64{0, r.Uint64(), r.Uint64N(20), nnodes - 1, nnodes, nnodes + 1, 1<<64 - 1, r.Uint64N(600), r.Uint64N(20) | abi.MAP_LINK_DELETED,
			r.Uint64N(20) | abi.MAP_LINK_REPLACED | r.Uint64()<<34, 1<<31 - 1, r.Uint64() & 0x00ff00ff00ff00ff}
		at := abi.MAP_DATA_OFF + r.IntN((structure-abi.MAP_DATA_OFF)/8)*8
		binary.LittleEndian.PutUint64(b[at:], words[r.IntN(len(words))])
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b[abi.MAP_DATA_OFF:], abi.MAP_DATA_OFF); err != nil {
		t.Fatal(err)
	}
}

func useSpoilt(t *testing.T, c *server, g *maps.Map, spec maps.Spec, r *rand.Rand) {
	t.Helper()
	for range 15 {
		key, value := keyFor(spec, r.IntN(20)), make([]byte, spec.ValueSize)
		if _, _, err := c.ask(r.IntN(4)+1, r.IntN(512), key, value, uint64(r.IntN(3))); err != nil {
			said, _ := os.ReadFile(c.said.Name())
			t.Fatalf("%v\n%s", err, said)
		}
		switch r.IntN(3) {
		case 0:
			g.Update(key, value, 0)
		case 1:
			g.Delete(key)
		default:
			g.Lookup(key)
		}
	}
	n := 0
	for range g.All() {
		n++
	}
	if n > int(spec.MaxEntries)+abi.MAP_NRECORDS { // all nodes
		t.Errorf("%d entries", n)
	}
}

// TestHeaderChangedLater: programs work with the header that was checked.
func TestHeaderChangedLater(t *testing.T) {
	spec := maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 16, MaxEntries: 12}
	path := populated(t, spec)
	c, g := serve(t, makeSession(t), path, spec), openWriter(t, path)
	if errno := c.do(opUpdate, 1, keyed(8, 1), val(1), 0); errno != 0 { // it has opened it
		t.Fatal(errno)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 4096), 0); err != nil {
		t.Fatal(err)
	}
	if v, ok := c.lookup(1, keyed(8, 1)); !ok || !bytes.Equal(v, val(1)) {
		t.Errorf("C finds %x, %v", v, ok)
	}
	if v, err := g.Lookup(keyed(8, 1)); err != nil || !bytes.Equal(v[0], val(1)) {
		t.Errorf("Go finds %x, %v", v, err)
	}
}

// TestSpoiltRing: positions, lengths and flags may be anything.
func TestSpoiltRing(t *testing.T) {
	rounds := 60
	if os.Getenv(torture) != "" {
		rounds = 3000
	}
	session, path := makeSession(t), makeMap(t, ringOf(4096))
	for range 5 {
		produceOne(t, session, path, "output", 1, 300)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 4))
	damaged := 0
	for range rounds {
		damaged += useSpoiltRing(t, session, path, spoilRing(whole, r), r)
	}
	if damaged == 0 {
		t.Error("no damage was seen")
	}
}

func spoilRing(whole []byte, r *rand.Rand) []byte {
	b := bytes.Clone(whole)
	for range 1 + r.IntN(6) {
		at := []int{abi.MAP_RING_CONSUMER, abi.MAP_RING_READ, abi.MAP_RING_PRODUCER, abi.MAP_RING_OFF + 312*r.IntN(6), abi.MAP_RING_OFF + 8*r.IntN(512)}[r.IntN(5)]
		v := []uint64{r.Uint64(), r.Uint64N(8192), r.Uint64N(600), abi.RING_WRITTEN | r.Uint64N(1<<28), abi.RING_WRITTEN | abi.RING_BUSY | r.Uint64N(600),
			binary.LittleEndian.Uint64(b[at:]) + 8, 1<<64 - 1, 1 << 34, r.Uint64N(1<<34) | r.Uint64()<<34}[r.IntN(9)]
		binary.LittleEndian.PutUint64(b[at:], v)
	}
	return b
}

// useSpoiltRing reads and writes. After a while the ring works again: what is produced
// comes.
func useSpoiltRing(t *testing.T, session, path string, b []byte, r *rand.Rand) (damaged int) {
	t.Helper()
	overwrite(t, path, b)
	first := follow(t, session, path, operation{"output", 9, []byte{0}, pattern(60), 60}).finish()
	reader, err := ringbuf.Open(path, openLeases(t, session))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for n := 0; ; n++ {
		_, ok, err := reader.Next()
		if err != nil {
			damaged = 1
		}
		if !ok && err == nil {
			break
		}
		if n > 10_000 {
			t.Fatalf("%d records", n)
		}
	}
	if first != 0 && first != unix.EAGAIN {
		t.Error(first)
	}
	if errno := produceOne(t, session, path, "reserve", 9, 70); errno != 0 {
		t.Errorf("behind it: %v", errno)
	}
	if rec, ok, err := reader.Next(); !ok || err != nil || !bytes.Equal(rec.Data, pattern(70)) {
		t.Errorf("behind it: %v, %v, %x", ok, err, rec.Data)
	}
	return damaged
}
