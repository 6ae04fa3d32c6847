package syscallhook

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What Find says of a file can be kept. To find libc's sites takes tens of milliseconds,
// to read them none. Little-endian:
//
//	u64 magic, u32 count
//	count times: u64 vaddr, func lo, func hi, lo, hi, hole; u32 number; u8 known, tactic; u16 length; why
const (
	keptMagic = 0x3353544953504200 // "\0BPSITS3": change it whenever Find may say something else
	keptHead  = 12
	keptSize  = 6*8 + 4 + 2 + 2
	maxWhy    = 1 << 12
)

// Marshal is what Unmarshal reads.
func Marshal(sites []Site) []byte {
	b := binary.LittleEndian.AppendUint64(nil, keptMagic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(sites)))
	for _, s := range sites {
		for _, v := range []uint64{s.Vaddr, s.Func.Lo, s.Func.Hi, s.Lo, s.Hi, s.Hole} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		known := byte(0)
		if s.Number.Known {
			known = 1
		}
		why := s.Why[:min(len(s.Why), maxWhy)]
		b = append(binary.LittleEndian.AppendUint32(b, uint32(s.Number.Value)), known, byte(s.Tactic))
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(why))), why...)
	}
	return b
}

var errKept = errors.New("these are no sites of this file")

// Unmarshal reads what was kept of a file with the same build-id. It believes which sites
// there are and who jumps where, and nothing that the file itself can say.
func Unmarshal(mod Module, b []byte) ([]Site, error) {
	if len(b) < keptHead || binary.LittleEndian.Uint64(b) != keptMagic {
		return nil, errKept
	}
	n := binary.LittleEndian.Uint32(b[8:])
	b = b[keptHead:]
	if n > maxSites {
		return nil, errKept
	}
	var sites []Site
	for ; n > 0; n-- {
		var s Site
		if b = s.unmarshal(b); b == nil {
			return nil, errKept
		}
		sites = append(sites, s)
	}
	if len(b) != 0 {
		return nil, errKept
	}
	return sites, plausible(mod, sites)
}

// unmarshal reads one site and returns what follows; nil: it is broken.
func (s *Site) unmarshal(b []byte) []byte {
	if len(b) < keptSize {
		return nil
	}
	for i, v := range []*uint64{&s.Vaddr, &s.Func.Lo, &s.Func.Hi, &s.Lo, &s.Hi, &s.Hole} {
		*v = binary.LittleEndian.Uint64(b[8*i:])
	}
	s.Number = Number{int32(binary.LittleEndian.Uint32(b[48:])), b[52] == 1}
	s.Tactic = Tactic(b[53])
	n := int(binary.LittleEndian.Uint16(b[54:]))
	b = b[keptSize:]
	if s.Tactic > Short || n > maxWhy || n > len(b) {
		return nil
	}
	s.Why = string(b[:n])
	return b[n:]
}

// plausible: the sites are in order, there is a syscall at each, and what would be replaced
// are whole instructions that are no other's.
func plausible(mod Module, sites []Site) error {
	end := uint64(0)
	for i, s := range sites {
		if i > 0 && s.Vaddr <= sites[i-1].Vaddr {
			return errKept
		}
		if s.Tactic == Trap {
			continue
		}
		if s.Lo < end || !s.whole(mod) {
			return fmt.Errorf("%w: %#x", errKept, s.Vaddr)
		}
		end = s.Hi
	}
	return nil
}

// whole tells whether [Lo, Hi) are instructions of which the one at Vaddr is a syscall, and
// the hole, if it needs one, is within its reach.
func (s *Site) whole(mod Module) bool {
	if s.Lo > s.Vaddr || s.Hi <= s.Vaddr || s.Hi-s.Lo > 64 || (s.Tactic == Short) != (s.Hole != 0) {
		return false
	}
	code, err := mod.Bytes(s.Lo, int(s.Hi-s.Lo))
	if err != nil {
		return false
	}
	found := false
	sweep(code, s.Lo, func(in insn) { found = found || in.addr == s.Vaddr && isSyscall(in) }, func() { s.Hi = 0 })
	d := int64(s.Hole - (s.Vaddr + shortLen))
	return found && s.Hi != 0 && (s.Hole == 0 || d == int64(int8(d)))
}
