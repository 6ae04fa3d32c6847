package trampoline

import "slices"

// real tells whether one of the branches that the scan took to lead to goal may be
// one: it stands where no known function is, or in a function where its bytes are
// an instruction, or not known to be part of another one. That is asked only of
// goals that are in a probe's way, and costs another scan each.
func (br *Branches) real(goal uint64) bool {
	if real, ok := br.judged[goal]; ok {
		return real
	}
	if br.judged == nil {
		br.judged = map[uint64]bool{}
	}
	real := slices.ContainsFunc(br.sources(goal), func(source uint64) bool { return br.mayBranch(source, goal) })
	br.judged[goal] = real
	return real
}

// sources is where what looks like a branch to goal stands.
func (br *Branches) sources(goal uint64) (out []uint64) {
	one := &Branches{mod: br.mod, lo: goal, hi: goal + 1, found: &out}
	one.scanAll()
	return out
}

// mayBranch tells whether the opcode at source may be that of a branch to goal. It is
// not, where control reaches an instruction that has it among its later bytes: both
// would have to be code, one inside the other.
func (br *Branches) mayBranch(source, goal uint64) bool {
	f, err := Read(br.mod, br, source)
	if err != nil {
		return true
	}
	for _, in := range f.reached() {
		if in.addr <= source && source < in.end() {
			to, ok := in.Target(in.b, in.addr)
			return ok && to == goal
		}
	}
	return true
}
