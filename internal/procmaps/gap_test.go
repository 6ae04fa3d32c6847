package procmaps

import (
	"math/rand/v2"
	"testing"
)

const (
	mb = 1 << 20
	gb = 1 << 30
)

func file(lo, hi uint64) Mapping { return Mapping{Lo: lo, Hi: hi, Path: "/bin/x"} }

func TestFindGap(t *testing.T) {
	const pie = 0x555555554000
	heap := Mapping{Lo: pie + mb, Hi: pie + 2*mb, Path: "[heap]"}
	for _, c := range []struct {
		name        string
		ms          []Mapping
		near        Near
		size, align uint64
		want        uint64 // 0: none
	}{
		{"below the image, touching it",
			[]Mapping{file(pie, pie+0x10000), heap},
			Near{pie, pie + 0x10000}, 0x5000, 0x1000, pie - 0x5000},
		{"aligned downwards",
			[]Mapping{file(pie, pie+0x10000)},
			Near{pie, pie + 0x10000}, 0x5000, 0x10000, 0x555555540000},
		{"a hole below that is too small is passed over",
			[]Mapping{file(pie-0x8000, pie-0x4000), file(pie, pie+0x10000)},
			Near{pie, pie + 0x10000}, 0x5000, 0x1000, pie - 0x8000 - 0x5000},
		{"a hole of exactly the size",
			[]Mapping{file(pie-0x9000, pie-0x5000), file(pie, pie+0x10000)},
			Near{pie, pie + 0x10000}, 0x5000, 0x1000, pie - 0x5000},
		{"nothing below: above, past the room of the heap",
			[]Mapping{file(pie-3*gb, pie+0x10000), {Lo: pie + 0x10000, Hi: pie + mb, Path: "[heap]"}},
			Near{pie, pie + 0x10000}, mb, 0x1000, pie + mb + heapRoom},
		{"nothing below: right above a library, whatever its size",
			[]Mapping{file(pie-3*gb, pie+0x10000), file(pie+0x14000, pie+0x15000)},
			Near{pie, pie + 0x10000}, 0x4000, 0x1000, pie + 0x10000},
		{"not in the room of the stack",
			[]Mapping{file(pie-3*gb, pie+0x10000), {Lo: pie + 64*mb, Hi: pie + 65*mb, Path: "[stack]"}, file(pie+65*mb, pie+66*mb)},
			Near{pie, pie + 0x10000}, mb, 0x1000, pie + 66*mb},
		{"the last reachable byte below",
			[]Mapping{file(pie-reach+0x10000+0x3000, pie+3*gb)},
			Near{pie, pie + 0x10000}, 0x3000, 0x1000, pie + 0x10000 - reach},
		{"one page more is out of reach",
			[]Mapping{file(pie-reach+0x10000+0x3000, pie+3*gb)},
			Near{pie, pie + 0x10000}, 0x4000, 0x1000, 0},
		{"the last reachable byte above",
			[]Mapping{file(pie-3*gb, pie+reach-0x3000)},
			Near{pie, pie + 0x10000}, 0x3000, 0x1000, pie + reach - 0x3000},
		{"and no further",
			[]Mapping{file(pie-3*gb, pie+reach-0x3000)},
			Near{pie, pie + 0x10000}, 0x4000, 0x1000, 0},
		{"a non-PIE program: below, down to mmap_min_addr",
			[]Mapping{file(0x400000, 0x500000)},
			Near{0x400000, 0x500000}, 0x3f0000, 0x1000, 0x10000},
		{"not below mmap_min_addr",
			[]Mapping{file(0x400000, 0x500000)},
			Near{0x400000, 0x500000}, 0x3f1000, 0x1000, 0x500000},
		{"at the end of the address space",
			[]Mapping{file(maxAddr-3*gb, maxAddr-mb)},
			Near{maxAddr - 2*mb, maxAddr - mb}, mb, 0x1000, maxAddr - mb},
		{"the order of the mappings does not matter",
			[]Mapping{file(pie, pie+0x10000), file(pie-0x8000, pie-0x4000)},
			Near{pie, pie + 0x10000}, 0x5000, 0x1000, pie - 0x8000 - 0x5000},
		{"no size", nil, Near{pie, pie + 1}, 0, 0x1000, 0},
		{"a size beyond reach", nil, Near{pie, pie + 1}, reach + 1, 0x1000, 0},
		{"near wider than reach", nil, Near{pie, pie + reach + 1}, 1, 0x1000, 0},
		{"an empty near", nil, Near{pie, pie}, 1, 0x1000, 0},
		{"near in the kernel's half", nil, Near{0xffffffffff600000, 0xffffffffff601000}, 1, 0x1000, 0},
		{"an alignment that is no power of two", nil, Near{pie, pie + 1}, 1, 0x3000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := FindGap(c.ms, c.near, c.size, c.align)
			if got != c.want || ok != (c.want != 0) {
				t.Errorf("FindGap = %#x, %v; want %#x", got, ok, c.want)
			}
		})
	}
}

// checkGap holds FindGap to its promises, whatever the mappings are.
func checkGap(t *testing.T, ms []Mapping, near Near, size, align uint64) bool {
	t.Helper()
	a, ok := FindGap(ms, near, size, align)
	if !ok {
		return false
	}
	if a%align != 0 || a < minAddr || a+size > maxAddr {
		t.Errorf("gap %#x+%#x: alignment %#x or bounds", a, size, align)
	}
	if int64(near.Hi-a) > 1<<31-1 || int64(a+size-near.Lo) > 1<<31-1 {
		t.Errorf("gap %#x+%#x is out of reach of %#x-%#x", a, size, near.Lo, near.Hi)
	}
	for _, m := range ms {
		if a < m.Hi && m.Lo < a+size {
			t.Errorf("gap %#x+%#x lies in %#x-%#x", a, size, m.Lo, m.Hi)
		}
	}
	return true
}

func TestFindGapKeepsItsPromises(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 2000 {
		base := r.Uint64N(1<<46) &^ 0xfff
		var ms []Mapping
		for range r.IntN(60) {
			lo := base + r.Uint64N(5*gb)&^0xfff
			ms = append(ms, Mapping{Lo: lo, Hi: lo + (1+r.Uint64N(256*mb))&^0xfff + 0x1000})
		}
		lo := base + r.Uint64N(5*gb)&^0xfff
		near := Near{lo, lo + 0x1000 + r.Uint64N(64*mb)&^0xfff}
		if checkGap(t, append(ms, file(near.Lo, near.Hi)), near, 0x1000+r.Uint64N(64*mb), 0x1000<<r.IntN(10)) {
			found++
		}
	}
	if found < 200 {
		t.Errorf("only %d gaps found: the test has no bite", found)
	}
}

func TestFindGapInThisProcess(t *testing.T) {
	ms, err := Read(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ms {
		if m.Exec && m.Inode != 0 && !checkGap(t, ms, Near{m.Lo, m.Hi}, 16*mb, 0x200000) {
			t.Errorf("no room near %s at %#x", m.Path, m.Lo)
		}
	}
}

func TestVacant(t *testing.T) {
	ms := []Mapping{file(0x7000_0000_0000, 0x7000_0010_0000), {Lo: 0x5555_0000_0000, Hi: 0x5555_0002_1000, Path: "[heap]"},
		{Lo: 0x7ffe_0000_0000, Hi: 0x7ffe_0002_1000, Path: "[stack]"}, {Lo: 0xffffffffff600000, Hi: 0xffffffffff601000, Path: "[vsyscall]"}}
	for _, c := range []struct {
		lo, clearance uint64
		want          bool
	}{
		{0x6fff_ffff_f000, 0, true}, {0x6fff_ffff_f001, 0, false}, {0x7000_0000_0000, 0, false}, {0x7000_000f_ffff, 0, false}, {0x7000_0010_0000, 0, true},
		{0x6fff_ffff_f000, mb, false}, {0x6fff_ffef_f000, mb, true}, {0x7000_001f_f000, mb, false}, {0x7000_0020_0000, mb, true},
		{0x5555_0002_1000, 0, false}, {0x5555_0002_1000 + heapRoom, 0, true}, {0x7ffd_ffff_f000, 0, false},
		{0, 0, false}, {0xf000, 0, false}, {0x10000, 0, true}, {maxAddr, 0, false}, {^uint64(0xfff), 0, false},
	} {
		if got := Vacant(ms, c.lo, 0x1000, c.clearance); got != c.want {
			t.Errorf("%#x, clearance %#x: %v", c.lo, c.clearance, got)
		}
	}
}
