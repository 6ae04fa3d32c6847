package x86

// maxRounds bounds the work of relax. A round costs one pass over the jumps.
const maxRounds = 64

// relax chooses the short form for jumps whose target is near.
//
// All jumps start long, and a round shortens those that reach. Shortening only
// brings places nearer to each other, never apart, so a short jump stays
// right: the layout is valid after every round, and stopping early costs bytes
// only. A program built so that each round shortens one jump (test_bpf's
// staggered jumps) therefore needs no more than maxRounds.
//
// Padding counts as its most until then. What it gets in the end is no more, so
// that brings places nearer too.
func (a *Assembler) relax() {
	a.grown = make([]int, len(a.jumps)+1)
	a.measure()
	for range maxRounds {
		if !a.shorten() {
			break
		}
		a.measure()
	}
	a.pad()
}

// pad sizes the padding, from the first on.
func (a *Assembler) pad() {
	for i := range a.jumps {
		j := &a.jumps[i]
		if j.align != 0 {
			j.pad = -(j.at + a.grown[i]) & (j.align - 1)
		}
		a.grown[i+1] = a.grown[i] + j.size()
	}
}

// measure adds up the sizes of the jumps.
func (a *Assembler) measure() {
	for i, j := range a.jumps {
		a.grown[i+1] = a.grown[i] + j.size()
	}
}

func (a *Assembler) shorten() (changed bool) {
	for i := range a.jumps {
		j := &a.jumps[i]
		if j.short || j.align != 0 {
			continue
		}
		// The distance to a place behind the jump is counted from its end,
		// which comes nearer too when it is shortened.
		d := a.distance(i)
		if d < 0 {
			d += j.size() - shortSize
		}
		if d == int(int8(d)) {
			j.short, changed = true, true
		}
	}
	return changed
}

const shortSize = 2

func (j jump) size() int {
	switch {
	case j.align != 0:
		return j.pad
	case j.short:
		return shortSize
	case j.op == opJcc:
		return 6
	}
	return 5
}

// place is the final offset of a mark.
func (a *Assembler) place(m mark) int { return m.at + a.grown[m.jumps] }

// distance is from the end of jump i to its target.
func (a *Assembler) distance(i int) int {
	j := a.jumps[i]
	return a.place(a.labels[j.label-1]) - (j.at + a.grown[i+1])
}
