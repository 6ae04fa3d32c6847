package verifier

import (
	"slices"

	"github.com/bpftime-go/bpftime/vm"
)

type base uint8

const (
	unknown base = iota
	null         // the number 0
	number       // no address of this function's frame
	frame
	context
	mapAddress // a map, as helpers take it
	mapValue
	memory // what a helper gave, which lies on no stack
	folded // what bpf_map_lookup_percpu_elem returned
	arena  // what was cast to the arena, and what was made of that
	function
)

// pointer is what a register or a word of the stack is known to be.
type pointer struct {
	base  base
	vague bool  // off is not known
	maps  int32 // which one: a set of the checker's; of a mapAddress or mapValue
	off   int64
}

// anyFunction is where a pointer points that is one of several functions.
const anyFunction = -far

// far is where a pointer is no longer followed: sums do not overflow.
const far = 1 << 30

// join is what is known of a register that may be either. 0 is as good as a pointer,
// since who follows it is wrong anyway; and any number will do for an address in an arena.
func (c *checker) join(p, q pointer) pointer {
	switch {
	case p == q:
		return p
	case p.base == null && (q.ofMap() || q.base == number || q.base == arena), p.base == number && q.base == arena:
		return q
	case q.base == null && (p.ofMap() || p.base == number || p.base == arena), q.base == number && p.base == arena:
		return p
	case p.base != q.base:
		return pointer{}
	case p.ofMap():
		maps, ok := c.union(p.maps, q.maps)
		if !ok {
			return pointer{}
		}
		return pointer{base: p.base, maps: maps, vague: p.vague || q.vague || p.off != q.off}.settled()
	case p.base == frame:
		return pointer{base: frame, vague: true}
	case p.base == function:
		return pointer{base: function, off: anyFunction}
	}
	return pointer{}
}

// settled makes pointers equal that say the same.
func (p pointer) settled() pointer {
	if p.vague {
		p.off = 0
	}
	return p
}

func (p pointer) ofMap() bool { return p.base == mapAddress || p.base == mapValue }

// moves reports whether there is arithmetic on it that keeps it a pointer.
func (p pointer) moves() bool {
	return p.base == frame || p.base == context || p.base == mapValue || p.base == memory || p.base == folded || p.base == function
}

func (p pointer) plus(n int64) pointer {
	switch {
	case p.vague || n == 0:
		return p
	case p.isNumber():
		return pointer{base: number}
	case !p.moves() || p.off+n > far || p.off+n < -far:
		return pointer{}
	}
	p.off += n
	return p
}

// somewhere is p and a number that is not known.
func (p pointer) somewhere() pointer {
	if p.base == frame || p.base == mapValue || p.base == memory || p.base == folded {
		return pointer{base: p.base, maps: p.maps, vague: true}
	}
	return pointer{}
}

// arithmetic is what becomes of a register.
func arithmetic(in vm.Instruction, dst, src pointer) pointer {
	switch {
	case in.IsCast() && in.Imm == vm.ToKernel:
		return pointer{base: arena}
	case in.IsCast():
		return pointer{base: number}
	case in.OpCode.Op() != vm.MOV && dst.base == arena: // as the kernel has it
		return dst
	case in.OpCode.Source() == vm.X && src.base == arena &&
		(in.OpCode == vm.ALU|vm.MOV|vm.X && in.Off == 0 || in.OpCode == vm.ALU64|vm.ADD|vm.X && dst.isNumber()):
		return src
	}
	return arithmeticOf(in, dst, src)
}

func arithmeticOf(in vm.Instruction, dst, src pointer) pointer {
	switch in.OpCode {
	case vm.ALU64 | vm.MOV | vm.X:
		if in.Off == 0 {
			return src
		}
	case vm.ALU64 | vm.MOV | vm.K, vm.ALU | vm.MOV | vm.K:
		return constant(in.Imm)
	case vm.ALU64 | vm.ADD | vm.K:
		return dst.plus(in.Imm)
	case vm.ALU64 | vm.SUB | vm.K:
		return dst.plus(-in.Imm)
	case vm.ALU64 | vm.ADD | vm.X:
		if !dst.moves() {
			dst, src = src, dst
		}
		if dst.moves() && !src.moves() {
			return dst.somewhere()
		}
	case vm.ALU64 | vm.SUB | vm.X:
		if !src.moves() && dst.moves() {
			return dst.somewhere()
		}
	}
	if in.OpCode.Class() == vm.ALU || dst.isNumber() && (in.OpCode.Source() == vm.K || src.isNumber()) {
		return pointer{base: number}
	}
	return pointer{}
}

func (p pointer) isNumber() bool { return p.base == null || p.base == number || p.base == arena }

func constant(n int64) pointer {
	if n == 0 {
		return pointer{base: null}
	}
	return pointer{base: number}
}

// union is the set of the maps of two sets; false: there are too many sets.
func (c *checker) union(a, b int32) (int32, bool) {
	all := slices.Clone(c.sets[a])
	for _, m := range c.sets[b] {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	slices.Sort(all)
	for i, set := range c.sets {
		if slices.Equal(set, all) {
			return int32(i), true
		}
	}
	c.sets = append(c.sets, all)
	return int32(len(c.sets) - 1), len(c.sets) < 64+4*len(c.maps)
}
