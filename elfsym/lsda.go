package elfsym

import (
	"errors"
	"fmt"
	"slices"
)

// LandingPads returns the addresses where the unwinder enters fn to run a catch
// clause or a destructor, ascending, each once; also those in fn's cold part,
// and of the cold part in fn, where symbols tell which belong together. None is
// no error, nor is a function without unwind rules.
func (f *File) LandingPads(fn Func) ([]uint64, error) {
	var pads []uint64
	for _, part := range f.parts(fn) {
		err := f.eachFDE(part, func(d fde) (err error) {
			if d.lsda != 0 {
				pads, err = f.landingPads(pads, d)
			}
			return err
		})
		if err != nil && !errors.Is(err, errNoFrames) {
			return nil, fmt.Errorf("%s: landing pads of %#x-%#x: %w", f.name, fn.Lo, fn.Hi, err)
		}
	}
	slices.Sort(pads)
	return slices.Compact(pads), nil
}

// landingPads appends the landing pads of one LSDA in .gcc_except_table:
//
//	u8 encoding of LPStart, LPStart (omitted: the function's start)
//	u8 encoding of types, uleb offset of the type table (omitted: none)
//	u8 encoding of call sites, uleb size of the call sites
//	call site: start, length, landing pad (0: none) less LPStart; uleb action
func (f *File) landingPads(pads []uint64, d fde) ([]uint64, error) {
	const headerMax = 2*11 + 1 + 10
	b, err := f.upTo(d.lsda, headerMax)
	if err != nil {
		return pads, fmt.Errorf("LSDA: %w", err)
	}
	c := cursor{b: b, vaddr: d.lsda}
	start, ok := d.lo, true
	if enc := c.u8(); enc != peOmit {
		start, ok = c.pointer(enc, base{fn: d.lo})
	}
	if c.u8() != peOmit {
		c.uleb()
	}
	enc := c.u8()
	size := c.uleb()
	if !ok || c.short {
		return pads, fmt.Errorf("%w: LSDA at %#x", ErrFormat, d.lsda)
	}
	if c.b, err = f.contents(c.addr(), size); err != nil {
		return pads, fmt.Errorf("LSDA at %#x: %w", d.lsda, err)
	}
	for c.pos = 0; c.more(); {
		c.pointerValue(enc)
		c.pointerValue(enc)
		pad, ok := c.pointerValue(enc)
		c.uleb()
		if !ok || c.short || pad != 0 && !f.Executable(start+pad) {
			return pads, fmt.Errorf("%w: LSDA at %#x: landing pad %#x+%#x, encoding %#x", ErrFormat, d.lsda, start, pad, enc)
		}
		if pad != 0 {
			pads = append(pads, start+pad)
		}
	}
	return pads, nil
}
