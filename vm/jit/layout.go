package jit

// The order of blocks. A processor takes one jump a cycle, whatever it jumps
// over, so what runs often should fall through: from a block the code goes on
// with the successor that is in more loops, else with the one that follows in
// the program, where it is not placed yet. A jump to what comes next is none.

// order is the order to place blocks in; the first one stays first. What
// nothing leads to is left out.
func order(blocks []block) []int {
	findLoops(blocks)
	placed := make([]bool, len(blocks))
	wanted := make([]bool, len(blocks))
	placement := make([]int, 0, len(blocks))
	wanted[0] = true
	for again := true; again; {
		again = false
		for first := range blocks {
			if !wanted[first] {
				continue
			}
			for b := first; b != none && !placed[b]; b = follower(blocks, b, placed) {
				placed[b], again = true, true
				placement = append(placement, b)
				for _, s := range blocks[b].successors() {
					wanted[s] = true
				}
			}
		}
	}
	return placement
}

// follower is what to place behind a block, or none.
func follower(blocks []block, b int, placed []bool) int {
	taken, next := blocks[b].taken, blocks[b].next
	switch {
	case taken == none || placed[taken]:
		return next
	case next == none || placed[next]:
		return taken
	case blocks[taken].depth > blocks[next].depth:
		return taken
	}
	return next
}

// maxLoopWork bounds the work of findLoops for flow that no compiler makes.
const maxLoopWork = 1 << 20

// findLoops counts the loops around each block: a jump back to a block on the
// way to it makes a loop of all blocks from which the jump is reached without
// passing that block.
func findLoops(blocks []block) {
	before := predecessors(blocks)
	seen := make([]int, len(blocks)) // number of the last loop it was found to be in
	work := 0
	for n, edge := range backEdges(blocks) {
		from, head := edge[0], edge[1]
		seen[head] = n + 1
		blocks[head].depth++
		blocks[head].isHead = true
		for todo := []int{from}; len(todo) > 0; {
			b := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if seen[b] == n+1 {
				continue
			}
			seen[b] = n + 1
			blocks[b].depth++
			todo = append(todo, before[b]...)
			if work++; work > maxLoopWork {
				return
			}
		}
	}
}

func predecessors(blocks []block) [][]int {
	before := make([][]int, len(blocks))
	for b, reached := range reachable(blocks) {
		if !reached {
			continue
		}
		for _, s := range blocks[b].successors() {
			before[s] = append(before[s], b)
		}
	}
	return before
}

// reachable marks the blocks that the first one leads to, and itself.
func reachable(blocks []block) []bool {
	reached := make([]bool, len(blocks))
	for todo := []int{0}; len(todo) > 0; {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !reached[b] {
			reached[b] = true
			todo = append(todo, blocks[b].successors()...)
		}
	}
	return reached
}

func (b *block) successors() []int {
	var s []int
	if b.taken != none {
		s = append(s, b.taken)
	}
	if b.next != none {
		s = append(s, b.next)
	}
	return s
}

// backEdges are the jumps to a block that is on the way from the first one,
// depth first.
func backEdges(blocks []block) (edges [][2]int) {
	const unseen, onPath, done = 0, 1, 2
	state := make([]uint8, len(blocks))
	type visit struct{ b, n int }
	state[0] = onPath
	for path := []visit{{b: 0}}; len(path) > 0; {
		top := &path[len(path)-1]
		s := blocks[top.b].successors()
		if top.n == len(s) {
			state[top.b] = done
			path = path[:len(path)-1]
			continue
		}
		to := s[top.n]
		top.n++
		switch state[to] {
		case onPath:
			edges = append(edges, [2]int{top.b, to})
		case unseen:
			state[to] = onPath
			path = append(path, visit{b: to})
		}
	}
	return edges
}
