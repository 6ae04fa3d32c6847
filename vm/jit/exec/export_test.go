package exec

// Text is where the program's code lies, and its length.
func (p *Program) Text() (addr uintptr, size int) { return p.text.addr, len(p.code.Text) }
