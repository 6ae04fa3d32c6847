package exec

import "fmt"

// A stack is what a helper in Go sees of the program that called it: the context
// and the frames directly, everything else through the kernel, which knows what
// is mapped.

// Read copies len(b) bytes at addr into b.
func (s *stack) Read(addr uint64, b []byte) error {
	if src := s.near(addr, len(b)); src != nil {
		copy(b, src)
		return nil
	}
	if err := readProcess(addr, b); err != nil {
		return fmt.Errorf("exec: read of %d bytes at %#x: %w", len(b), addr, err)
	}
	return nil
}

// Write copies b to addr.
func (s *stack) Write(addr uint64, b []byte) error {
	if dst := s.near(addr, len(b)); dst != nil {
		copy(dst, b)
		return nil
	}
	if err := writeProcess(addr, b); err != nil {
		return fmt.Errorf("exec: write of %d bytes at %#x: %w", len(b), addr, err)
	}
	return nil
}

// near is the memory at addr where it is the context or the stack.
func (s *stack) near(addr uint64, n int) []byte {
	for _, region := range [][]byte{s.ctx, s.bytes()} {
		off := addr - address(region)
		if off <= uint64(len(region)) && uint64(n) <= uint64(len(region))-off {
			return region[off : off+uint64(n)]
		}
	}
	return nil
}
