package trampoline

import (
	"cmp"
	"slices"
)

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

// branch is what looks like one, at source.
type branch struct{ source, goal uint64 }

// fewGoals is how many scans cost less than to sort all that looks like a branch.
const fewGoals = 8

// sources is where what looks like a branch to goal stands.
func (br *Branches) sources(goal uint64) (out []uint64) {
	var found []branch
	if br.asked++; br.asked <= fewGoals {
		found = br.between(goal, goal+1)
	} else {
		found = br.leadingTo(goal)
	}
	for _, b := range found {
		out = append(out, b.source)
	}
	return out
}

// between scans for branches into [lo, hi).
func (br *Branches) between(lo, hi uint64) (found []branch) {
	one := &Branches{mod: br.mod, lo: lo, hi: hi, found: &found}
	one.scanAll()
	return found
}

func (br *Branches) leadingTo(goal uint64) []branch {
	if br.all == nil {
		br.all = br.between(br.lo, br.hi)
		slices.SortFunc(br.all, func(a, b branch) int { return cmp.Compare(a.goal, b.goal) })
	}
	from, _ := slices.BinarySearchFunc(br.all, goal, func(b branch, goal uint64) int { return cmp.Compare(b.goal, goal) })
	to := from
	for to < len(br.all) && br.all[to].goal == goal {
		to++
	}
	return br.all[from:to]
}

// leadsTo tells whether the instruction branches to goal, or takes its address.
func (i insn) leadsTo(goal uint64) bool {
	to, ok := i.Target(i.b, i.addr)
	if !ok && i.IsLea() {
		to, ok = i.RIPTarget(i.addr)
	}
	return ok && to == goal
}

// mayBranch tells whether the opcode at source may be that of a branch to goal. It is
// not, where control reaches an instruction that has it among its later bytes: both
// would have to be code, one inside the other.
func (br *Branches) mayBranch(source, goal uint64) bool {
	if _, known := br.mod.FuncAt(source); !known {
		return true
	}
	f, err := Read(br.mod, br, source)
	if err != nil {
		return true
	}
	for _, in := range f.reached() {
		if in.addr <= source && source < in.end() {
			return in.leadsTo(goal)
		}
	}
	return true
}
