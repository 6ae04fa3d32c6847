package maps

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// Type is a map type, numbered as the kernel's enum bpf_map_type.
type Type uint32

const (
	Hash           Type = 1
	Array          Type = 2
	ProgArray      Type = 3
	PerfEventArray Type = 4
	PercpuHash     Type = 5
	PercpuArray    Type = 6
	StackTrace     Type = 7
	LRUHash        Type = 9
	LRUPercpuHash  Type = 10
	LPMTrie        Type = 11
	ArrayOfMaps    Type = 12
	HashOfMaps     Type = 13
	Queue          Type = 22
	Stack          Type = 23
	Ringbuf        Type = 27
	TaskStorage    Type = 29
	BloomFilter    Type = 30
	UserRingbuf    Type = 31
	Arena          Type = 33
)

var typeNames = map[Type]string{
	Hash:           "hash",
	Array:          "array",
	ProgArray:      "prog_array",
	PerfEventArray: "perf_event_array",
	PercpuHash:     "percpu_hash",
	PercpuArray:    "percpu_array",
	StackTrace:     "stack_trace",
	LRUHash:        "lru_hash",
	LRUPercpuHash:  "lru_percpu_hash",
	LPMTrie:        "lpm_trie",
	ArrayOfMaps:    "array_of_maps",
	HashOfMaps:     "hash_of_maps",
	Queue:          "queue",
	Stack:          "stack",
	Ringbuf:        "ringbuf",
	TaskStorage:    "task_storage",
	BloomFilter:    "bloom_filter",
	UserRingbuf:    "user_ringbuf",
	Arena:          "arena",
}

func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return "map type " + strconv.Itoa(int(t))
}

// isHash: chains of nodes. A trie's are found by prefixes.
func (t Type) isHash() bool {
	return t == Hash || t == PercpuHash || t.isLRU() || t == LPMTrie || t == HashOfMaps
}

func (t Type) isLRU() bool { return t == LRUHash || t == LRUPercpuHash }

// IsPerCPU: a key has several values.
func (t Type) IsPerCPU() bool { return t == PercpuHash || t == PercpuArray || t == LRUPercpuHash }

// Spec defines a map.
type Spec struct {
	Type       Type
	KeySize    uint32 // bytes
	ValueSize  uint32 // bytes; in the file a multiple of 8
	MaxEntries uint32 // of a ringbuf: bytes
	Flags      uint32
	Extra      uint32 // of a bloom_filter: hash functions; 0: 5
	Inner      Inner  // of a map of maps: what they are
	Lock       uint32 // of an array or a hash: offset of the bpf_spin_lock in a value + 1; 0: there is none
	Start      uint64 // of an arena: the address of its first byte for its users; 0: 1 << 44
	Lanes      string // of a per-CPU type: where numbers end in a value; "": UsualLanes
}

const (
	maxSize   = 1 << 30 // of a file
	maxKey    = 512     // of a hash, as the kernel's
	maxPrefix = 4 + 256 // the same of a trie
	blockRoom = 8 << 20
	minBlocks = 64
	spareRoom = 1 << 20
	minSpares = 64
	maxSpares = abi.MAP_NRECORDS // each may keep one
	placeRoom = 16 << 10
	minPlaces = 4
	maxPlaces = 64
)

// layout is where things are: a function of the Spec alone.
type layout struct {
	nslots, valueStride            uint32
	stride, size, data             uint64
	buckets, nodes, free, records  uint64
	bucketMask, nnodes, nodeStride uint32
	valueAt                        uint32
	control                        uint64
}

func padded(n uint32) uint32          { return uint32(roundUp(uint64(n), 8)) }
func roundUp(n, to uint64) uint64     { return (n + to - 1) &^ (to - 1) }
func between(v, lo, hi uint64) uint64 { return max(lo, min(v, hi)) }

// times is a product, or something no file is large enough for.
func times(a, b uint64) uint64 {
	if hi, lo := bits.Mul64(a, b); hi == 0 && lo < 1<<62 {
		return lo
	}
	return 1 << 62
}

func (s Spec) layout() layout {
	l := layout{valueStride: padded(s.ValueSize)}
	switch s.Type {
	case Array:
		l.data, l.nslots = abi.MAP_DATA_OFF, 1
		l.stride = roundUp(times(uint64(s.MaxEntries), uint64(l.valueStride)), 64)
		l.size = l.data + l.stride
	case ProgArray, ArrayOfMaps:
		s.referenceLayout(&l)
	case PercpuArray:
		l.data = abi.MAP_DATA_OFF
		l.blocks(uint64(s.MaxEntries))
		l.size = l.data + times(l.stride, uint64(l.nslots))
		if l.nslots < abi.SESSION_NLEASES {
			l.control = roundUp(l.size, 4096)
			l.size = l.control + abi.MAP_CTL_SIZE
		}
	case Hash, PercpuHash, LRUHash, LRUPercpuHash, LPMTrie, HashOfMaps:
		s.hashLayout(&l)
	case StackTrace:
		s.stackLayout(&l)
	case Queue, Stack:
		s.queueLayout(&l)
	case TaskStorage:
		s.taskLayout(&l)
	case BloomFilter:
		s.filterLayout(&l)
	case Ringbuf, PerfEventArray, UserRingbuf:
		s.ringLayout(&l)
	case Arena:
		s.arenaLayout(&l)
	}
	return l
}

// blocks sizes those of leases: whole cache lines, so that no two share one.
func (l *layout) blocks(values uint64) {
	l.stride = max(64, roundUp(times(values, uint64(l.valueStride)), 64))
	l.nslots = uint32(between(blockRoom/l.stride, minBlocks, abi.SESSION_NLEASES))
}

func (s Spec) hashLayout(l *layout) {
	l.valueAt = 8 + padded(s.KeySize)
	if s.Type == LPMTrie {
		l.valueAt += padded(s.KeySize)
	}
	l.nodeStride = l.valueAt
	if s.Type.isLRU() {
		l.nodeStride += 8
	}
	nodes := uint64(s.MaxEntries)
	if s.Type.IsPerCPU() { // for those who take another's place only: map_steal.c
		nodes += between(placeRoom/uint64(l.valueStride), minPlaces, maxPlaces)
	} else {
		l.nodeStride += l.valueStride
		nodes += between(spareRoom/uint64(l.nodeStride), minSpares, maxSpares)
	}
	l.nnodes = uint32(min(nodes, 1<<32-1))
	l.bucketMask = uint32(1)<<bits.Len32(max(s.MaxEntries, 1)-1) - 1
	l.control = abi.MAP_DATA_OFF
	l.records = l.control + abi.MAP_CTL_SIZE
	l.buckets = l.records + abi.MAP_NRECORDS*abi.MAP_REC_SIZE
	l.free = roundUp(l.buckets+8*(uint64(l.bucketMask)+1), 64)
	l.nodes = roundUp(l.free+16*l.words()+8*abi.MAP_NLIMBO, 64)
	l.size = l.nodes + nodes*uint64(l.nodeStride)
	if s.Type.IsPerCPU() {
		l.blocks(nodes)
		l.data = roundUp(l.size, 4096)
		l.size = l.data + times(l.stride, uint64(l.nslots))
	}
}

// words is the length of the free bits, and of the spare bits behind them.
func (l *layout) words() uint64 {
	return (uint64(l.nnodes) + abi.MAP_POOL_NODES - 1) / abi.MAP_POOL_NODES
}

// Size is the size of the file.
func (s Spec) Size() uint64 { return s.layout().size }

// Stride is the distance of two blocks of a per-CPU type.
func (s Spec) Stride() uint64 { return s.layout().stride }

// Offset is where the value of a key of an array lies, in block 0.
func (s Spec) Offset(key uint32) int64 {
	return abi.MAP_DATA_OFF + int64(key)*int64(padded(s.ValueSize))
}

// Check says why no such map can be made.
func (s Spec) Check() error {
	if err := s.checkLock(); err != nil {
		return err
	}
	if s.Type.HasRecords() {
		return s.checkRing()
	}
	if s.Type == StackTrace {
		return s.checkStacks()
	}
	if s.Type == Arena {
		return s.checkArena()
	}
	if s.Type.keyless() {
		return s.checkKeyless()
	}
	if s.Type == TaskStorage {
		return s.checkTask()
	}
	switch {
	case typeNames[s.Type] == "":
		return fmt.Errorf("%v is not supported", s.Type)
	case s.Type == LPMTrie && (s.KeySize <= 4 || s.KeySize > maxPrefix):
		return fmt.Errorf("an lpm_trie has keys of 5 to %d bytes, 4 of them the length of a prefix, not %d", maxPrefix, s.KeySize)
	case s.Type.isHash() && (s.KeySize == 0 || s.KeySize > maxKey):
		return fmt.Errorf("a %v has keys of 1 to %d bytes, not %d", s.Type, maxKey, s.KeySize)
	case !s.Type.isHash() && s.KeySize != 4:
		return fmt.Errorf("the keys of %v are indexes of 4 bytes, not %d", s.Type, s.KeySize)
	case s.Type.refers() && s.ValueSize != 4:
		return fmt.Errorf("the values of %v have 4 bytes, not %d", s.Type.article(), s.ValueSize)
	case s.ValueSize == 0 || s.ValueSize > maxSize:
		return fmt.Errorf("%v has values of at least 1 byte, at most 1 GiB, not %d bytes", s.Type.article(), s.ValueSize)
	case s.MaxEntries == 0:
		return fmt.Errorf("%v has max_entries, at least 1", s.Type.article())
	}
	if err := s.checkFlags(); err != nil {
		return err
	}
	if err := s.checkInner(); err != nil {
		return err
	}
	return s.checkSize()
}

func (s Spec) checkSize() error {
	if size := s.Size(); size > maxSize {
		return fmt.Errorf("%v of %d entries of %d bytes takes %d MiB; at most %d MiB: use a smaller max_entries", s.Type.article(), s.MaxEntries, s.ValueSize, size>>20, maxSize>>20)
	}
	return nil
}

// header is the first page of the file.
func (s Spec) header(seed uint64) []byte {
	h, l, le := make([]byte, abi.MAP_DATA_OFF), s.layout(), binary.LittleEndian
	for at, v := range map[int]uint32{
		abi.MAP_HDR_VERSION: abi.MAP_VERSION, abi.MAP_HDR_TYPE: uint32(s.Type), abi.MAP_HDR_KEY_SIZE: s.keyBytes(),
		abi.MAP_HDR_VALUE_SIZE: s.ValueSize, abi.MAP_HDR_MAX_ENTRIES: s.MaxEntries, abi.MAP_HDR_FLAGS: s.Flags, abi.MAP_HDR_LOCK: s.Lock,
		abi.MAP_HDR_NSLOTS: l.nslots, abi.MAP_HDR_VALUE_STRIDE: l.valueStride, abi.MAP_HDR_BUCKET_MASK: l.bucketMask,
		abi.MAP_HDR_INNER_TYPE: uint32(s.Inner.Type), abi.MAP_HDR_INNER_KEY_SIZE: s.Inner.KeySize, abi.MAP_HDR_INNER_VALUE_SIZE: s.Inner.ValueSize,
		abi.MAP_HDR_INNER_MAX_ENTRIES: s.Inner.MaxEntries, abi.MAP_HDR_INNER_FLAGS: s.Inner.Flags,
		abi.MAP_HDR_NNODES: l.nnodes, abi.MAP_HDR_NODE_STRIDE: l.nodeStride, abi.MAP_HDR_VALUE_AT: l.valueAt,
	} {
		le.PutUint32(h[at:], v)
	}
	for at, v := range map[int]uint64{
		abi.MAP_HDR_MAGIC: abi.MAP_MAGIC, abi.MAP_HDR_STRIDE: l.stride, abi.MAP_HDR_SIZE: l.size, abi.MAP_HDR_DATA: l.data,
		abi.MAP_HDR_BUCKETS: l.buckets, abi.MAP_HDR_NODES: l.nodes, abi.MAP_HDR_FREE: l.free, abi.MAP_HDR_RECORDS: l.records,
		abi.MAP_HDR_SEED: seed, abi.MAP_HDR_CONTROL: l.control, abi.MAP_HDR_START: s.Start,
	} {
		le.PutUint64(h[at:], v)
	}
	s.writeLanes(h)
	return h
}

// readHeader is the inverse: the definition, if everything else follows from it.
func readHeader(h []byte, size int64) (Spec, error) {
	le := binary.LittleEndian
	if le.Uint64(h[abi.MAP_HDR_MAGIC:]) != abi.MAP_MAGIC || le.Uint32(h[abi.MAP_HDR_VERSION:]) != abi.MAP_VERSION {
		return Spec{}, fmt.Errorf("not a map of version %d", abi.MAP_VERSION)
	}
	s := Spec{Type: Type(le.Uint32(h[abi.MAP_HDR_TYPE:])), KeySize: le.Uint32(h[abi.MAP_HDR_KEY_SIZE:]),
		ValueSize: le.Uint32(h[abi.MAP_HDR_VALUE_SIZE:]), MaxEntries: le.Uint32(h[abi.MAP_HDR_MAX_ENTRIES:]), Flags: le.Uint32(h[abi.MAP_HDR_FLAGS:]),
		Lock: le.Uint32(h[abi.MAP_HDR_LOCK:])}
	s.Start = le.Uint64(h[abi.MAP_HDR_START:])
	s.readKeyless(h)
	s.readInner(h)
	s.readLanes(h)
	if err := s.Check(); err != nil {
		return Spec{}, err
	}
	want := s.header(le.Uint64(h[abi.MAP_HDR_SEED:]))
	want[abi.MAP_HDR_FROZEN] = h[abi.MAP_HDR_FROZEN] & 1
	copy(want[abi.MAP_HDR_NCPUS:][:4], h[abi.MAP_HDR_NCPUS:])
	for at := range h {
		if h[at] != want[at] {
			return Spec{}, fmt.Errorf("byte %d of the header is %#x, but %#x in that of %v", at, h[at], want[at], s)
		}
	}
	if uint64(size) != s.Size() {
		return Spec{}, fmt.Errorf("%d bytes; %v has %d", size, s, s.Size())
	}
	return s, nil
}

// String is a definition in words.
func (s Spec) String() string {
	if s.Type == Ringbuf {
		return fmt.Sprintf("a ringbuf of %d bytes, flags %#x", s.MaxEntries, s.Flags)
	}
	if s.Type == Arena {
		return fmt.Sprintf("an arena of %d pages at %#x, flags %#x", s.MaxEntries, s.Start, s.Flags)
	}
	if s.Type.keyless() {
		return fmt.Sprintf("%v of %d elements of %d bytes, flags %#x", s.Type.article(), s.MaxEntries, s.ValueSize, s.Flags)
	}
	return fmt.Sprintf("%v of %d entries, keys of %d bytes, values of %d, flags %#x", s.Type.article(), s.MaxEntries, s.KeySize, s.ValueSize, s.Flags)
}

// article is "a hash", "an array".
func (t Type) article() string {
	if t == Array || t == Arena || t.isLRU() || t == LPMTrie {
		return "an " + t.String()
	}
	return "a " + t.String()
}

// difference lists what two definitions do not have in common: "max_entries 2, wanted 3".
func (s Spec) difference(want Spec) string {
	var out string
	for _, f := range []struct {
		name       string
		have, want any
	}{
		{"type", s.Type, want.Type}, {"key size", s.KeySize, want.KeySize}, {"value size", s.ValueSize, want.ValueSize},
		{"max_entries", s.MaxEntries, want.MaxEntries}, {"flags", fmt.Sprintf("%#x", s.Flags), fmt.Sprintf("%#x", want.Flags)},
		{"hash functions", s.Extra, want.Extra}, {"inner map", s.Inner, want.Inner},
		{"bpf_spin_lock", s.Lock, want.Lock},
		{"start", fmt.Sprintf("%#x", s.Start), fmt.Sprintf("%#x", want.Start)},
		{"numbers in values", fmt.Sprintf("%x", s.Lanes), fmt.Sprintf("%x", want.Lanes)},
	} {
		if f.have != f.want {
			out += fmt.Sprintf(", %s %v, wanted %v", f.name, f.have, f.want)
		}
	}
	return out[min(2, len(out)):]
}
