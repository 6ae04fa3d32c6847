package jit

// The order of blocks. A processor takes one jump a cycle, whatever it jumps
// over, so what runs often should fall through: a block is followed by the one
// that it goes on with and that is in more loops, else by the one that follows
// in the program, where it has no place yet. A jump to what comes next is none.

// order is the order to place blocks in; the first one stays first. What
// nothing leads to is left out.
func (f *flow) order() []int {
	placed := make([]bool, len(f.blocks))
	order := make([]int, 0, len(f.blocks))
	for starts := []int{0}; len(starts) > 0; starts = starts[1:] {
		for b := starts[0]; b != none && !placed[b]; b = f.follower(b, placed) {
			placed[b] = true
			order = append(order, b)
			for _, s := range f.blocks[b].successors() {
				if s != none && !placed[s] {
					starts = append(starts, s)
				}
			}
		}
	}
	return order
}

// follower is what to place behind a block, or none.
func (f *flow) follower(b int, placed []bool) int {
	taken, next := f.blocks[b].taken, f.blocks[b].next
	switch {
	case taken == none || placed[taken]:
		return next
	case next == none || placed[next]:
		return taken
	case f.blocks[taken].depth > f.blocks[next].depth:
		return taken
	}
	return next
}

// maxLoopWork bounds the work of findLoops for flow that no compiler makes.
const maxLoopWork = 1 << 20

// findLoops counts the loops around each block: a way back to a block on the
// way to it makes a loop of all blocks from which that is reached without
// passing the block.
func (f *flow) findLoops() {
	in := make([]int, len(f.blocks)) // number of the last loop a block was found in
	work := 0
	for n, edge := range f.backEdges() {
		loop, head := n+1, edge.to
		in[head] = loop
		f.blocks[head].depth++
		f.blocks[head].isHead = true
		for todo := []int{edge.from}; len(todo) > 0; {
			b := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if in[b] == loop {
				continue
			}
			in[b] = loop
			f.blocks[b].depth++
			todo = append(todo, f.before[b]...)
			if work++; work > maxLoopWork {
				return
			}
		}
	}
}

type edge struct{ from, to int }

// backEdges are the ways to a block that is on the way from the first one,
// depth first.
func (f *flow) backEdges() (edges []edge) {
	const onWay, done = 1, 2
	state := make([]uint8, len(f.blocks))
	type visit struct{ block, seen int }
	state[0] = onWay
	for way := []visit{{block: 0}}; len(way) > 0; {
		top := &way[len(way)-1]
		successors := f.blocks[top.block].successors()
		if top.seen == len(successors) {
			state[top.block] = done
			way = way[:len(way)-1]
			continue
		}
		to := successors[top.seen]
		top.seen++
		switch {
		case to == none:
		case state[to] == onWay:
			edges = append(edges, edge{top.block, to})
		case state[to] != done:
			state[to] = onWay
			way = append(way, visit{block: to})
		}
	}
	return edges
}
