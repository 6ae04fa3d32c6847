package elfsym

import "fmt"

// ReadText fills b with the contents at vaddr: Bytes for who reads much, piece by
// piece, and has a buffer.
func (f *File) ReadText(b []byte, vaddr uint64) error {
	p, ok := f.loadAt(vaddr)
	n := uint64(len(b))
	if !ok || n > p.filesz-(vaddr-p.vaddr) || !f.in.has(p.off+(vaddr-p.vaddr), n) {
		return fmt.Errorf("%s: %w: no contents for %#x+%#x", f.name, ErrFormat, vaddr, n)
	}
	if _, err := f.in.r.ReadAt(b, int64(p.off+(vaddr-p.vaddr))); err != nil {
		return fmt.Errorf("%s: %#x: %w", f.name, vaddr, err)
	}
	return nil
}

// Restartable tells whether the file describes restartable sequences, rseq(2): code
// that the kernel leaves by a jump when it finds a thread in it, known by address.
func (f *File) Restartable() bool {
	_, ok := f.sectionNamed("__rseq_cs")
	return ok
}
