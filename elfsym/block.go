package elfsym

// blocks spares who reads many small pieces a system call for each: with a probe at
// every function of a library they are tens of thousands, mostly in order.
type blocks struct {
	reads int // of small pieces, one by one
	kept  map[uint64][]byte
}

// A few pieces are read alone: a block would touch more pages than they do.
const (
	fewReads  = 64
	blockSize = 64 << 10
	maxBlocks = 128
)

// small is what the file has at off when it lies in one block; else nil.
func (f *File) small(off, n uint64) []byte {
	first := off / blockSize
	if n == 0 || n > blockSize || (off+n-1)/blockSize != first {
		return nil
	}
	if f.blocks.reads < fewReads {
		f.blocks.reads++
		return nil
	}
	b := f.block(first)
	if at := off - first*blockSize; at < uint64(len(b)) && n <= uint64(len(b))-at {
		return b[at : at+n : at+n]
	}
	return nil
}

func (f *File) block(i uint64) []byte {
	if b := f.blocks.kept[i]; b != nil {
		return b
	}
	at := i * blockSize
	b, err := f.in.read(at, min(blockSize, f.in.size-min(f.in.size, at)))
	if err != nil {
		return nil
	}
	if f.blocks.kept == nil || len(f.blocks.kept) == maxBlocks {
		f.blocks.kept = map[uint64][]byte{}
	}
	f.blocks.kept[i] = b
	return b
}
