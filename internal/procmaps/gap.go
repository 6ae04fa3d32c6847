package procmaps

import (
	"cmp"
	"slices"
)

const (
	// reach is how far a rel32 goes, less a margin for the instruction that
	// holds it and for entries that lie behind the start of the gap's bytes.
	reach = 1<<31 - 1<<20

	minAddr   = 0x10000          // vm.mmap_min_addr's default: never near page 0
	maxAddr   = 0x7fff_ffff_f000 // the end of a 47-bit address space
	pageLen   = 0x1000           // the least alignment
	heapRoom  = 512 << 20        // what brk may still grow into above [heap]
	stackRoom = 128<<20 + 1<<20  // the least mmap_base leaves for the stack, and its guard
)

// FindGap finds size bytes that no mapping uses and that a rel32 in near
// reaches and is reached from: every byte of the gap is within ±2 GB, less a
// margin of 1 MB, of every byte of near. The address is a multiple of align, a
// power of two of at least a page.
//
// The gap nearest below near is preferred, and then the nearest above its
// start: right above a program that is position-independent the brk heap grows.
// For the same reason room is left above [heap], and below [stack]. ok is false
// when there is no such gap, or when the request makes no sense.
func FindGap(ms []Mapping, near Near, size, align uint64) (addr uint64, ok bool) {
	align = max(align, pageLen)
	if near.Lo >= near.Hi || near.Hi > maxAddr || near.Hi-near.Lo > reach || size == 0 || size > reach || align&(align-1) != 0 {
		return 0, false
	}
	// The gap [a, a+size) has near.Hi-a <= reach and a+size-near.Lo <= reach.
	window := Near{minAddr, min(near.Lo+reach, maxAddr)}
	if near.Hi > minAddr+reach {
		window.Lo = near.Hi - reach
	}
	holes := holesIn(ms, window)
	for _, h := range slices.Backward(holes) {
		if h.Lo < near.Lo {
			h.Hi = min(h.Hi, near.Lo)
			if a := alignDown(h.Hi-min(h.Hi, size), align); a >= h.Lo && a+size <= h.Hi {
				return a, true
			}
		}
	}
	for _, h := range holes {
		a := alignUp(max(h.Lo, near.Hi), align)
		if a >= near.Hi && a < h.Hi && h.Hi-a >= size {
			return a, true
		}
	}
	return 0, false
}

func alignDown(a, align uint64) uint64 { return a &^ (align - 1) }
func alignUp(a, align uint64) uint64   { return (a + align - 1) &^ (align - 1) }

// holesIn lists what is free in window, in ascending order.
func holesIn(ms []Mapping, window Near) []Near {
	var holes []Near
	free := window.Lo
	for _, used := range occupied(ms) {
		if used.Lo > free && free < window.Hi {
			holes = append(holes, Near{free, min(used.Lo, window.Hi)})
		}
		free = max(free, used.Hi)
	}
	if free < window.Hi {
		holes = append(holes, Near{free, window.Hi})
	}
	return holes
}

// occupied is the mappings by address, with the room that the heap and the
// stack keep for growing.
func occupied(ms []Mapping) []Near {
	used := make([]Near, 0, len(ms))
	for _, m := range ms {
		n := Near{m.Lo, m.Hi}
		switch m.Path {
		case "[heap]":
			n.Hi += min(heapRoom, maxAddr-min(n.Hi, maxAddr))
		case "[stack]":
			n.Lo -= min(stackRoom, n.Lo)
		}
		used = append(used, n)
	}
	slices.SortFunc(used, func(a, b Near) int { return cmp.Compare(a.Lo, b.Lo) })
	return used
}

// Vacant tells whether nothing is mapped in [lo, lo+n), nor within clearance of it,
// the room that heap and stack keep for growing included.
func Vacant(ms []Mapping, lo, n, clearance uint64) bool {
	if lo < minAddr || lo > maxAddr || n > maxAddr-lo {
		return false
	}
	for _, used := range occupied(ms) {
		if lo < used.Hi+clearance && used.Lo < lo+n+clearance {
			return false
		}
	}
	return true
}
