package gen

import (
	"bytes"
	"slices"
)

// Reduce returns a smaller case for which fails is still true, as far as taking
// away statements, arms, loops and input goes. c is not changed; fails(c) must
// be true. It asks a number of times that grows with the size of the program.
func (c *Case) Reduce(fails func(*Case) bool) *Case {
	r := &reducer{best: c.clone(), fails: fails}
	for r.progress = true; r.progress; {
		r.progress = false
		for f := range r.best.funcs {
			r.block(func(c *Case) *[]statement { return &c.funcs[f].body })
		}
	}
	r.input()
	return r.best
}

type reducer struct {
	best     *Case
	fails    func(*Case) bool
	progress bool
}

// try keeps a change of the best case if it still fails.
func (r *reducer) try(change func(*Case)) bool {
	c := r.best.clone()
	change(c)
	if !r.fails(c) {
		return false
	}
	r.best, r.progress = c, true
	return true
}

// blockOf finds the same block in a copy of the case.
type blockOf func(*Case) *[]statement

// block takes away runs of statements, the longer ones first, then makes those
// that are left simpler.
func (r *reducer) block(find blockOf) {
	for n := len(*find(r.best)); n > 0; n /= 2 {
		for i := 0; i+n <= len(*find(r.best)); {
			if !r.try(func(c *Case) { b := find(c); *b = slices.Delete(*b, i, i+n) }) {
				i += n
			}
		}
	}
	for i := 0; i < len(*find(r.best)); i++ {
		for i < len(*find(r.best)) && r.unwrap(find, i) {
		}
		for _, pick := range inner {
			if i < len(*find(r.best)) {
				r.block(func(c *Case) *[]statement { return pick(&(*find(c))[i]) })
			}
		}
	}
}

// inner are the blocks of a statement.
var inner = []func(*statement) *[]statement{
	func(s *statement) *[]statement { return &s.then },
	func(s *statement) *[]statement { return &s.orElse },
	func(s *statement) *[]statement { return &s.body },
}

// unwrap puts one of its blocks in the place of a statement.
func (r *reducer) unwrap(find blockOf, i int) bool {
	for _, pick := range inner {
		if len(*pick(&(*find(r.best))[i])) == 0 {
			continue
		}
		if r.try(func(c *Case) { b := find(c); *b = slices.Replace(*b, i, i+1, *pick(&(*b)[i])...) }) {
			return true
		}
	}
	return false
}

// input sets words to zero.
func (r *reducer) input() {
	for i := 0; i < inputSize; i += 8 {
		if bytes.Equal(r.best.Input[i:i+8], make([]byte, 8)) {
			continue
		}
		r.try(func(c *Case) { clear(c.Input[i : i+8]) })
	}
}

func (c *Case) clone() *Case {
	d := &Case{Seed: c.Seed, Input: bytes.Clone(c.Input), funcs: slices.Clone(c.funcs)}
	for i := range d.funcs {
		d.funcs[i].body = cloneBlock(d.funcs[i].body)
	}
	return d
}

func cloneBlock(block []statement) []statement {
	block = slices.Clone(block)
	for i := range block {
		s := &block[i]
		s.then, s.orElse, s.body = cloneBlock(s.then), cloneBlock(s.orElse), cloneBlock(s.body)
	}
	return block
}
