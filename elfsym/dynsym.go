package elfsym

import (
	"debug/elf"
	"fmt"
)

// dynsym reads the whole dynamic symbol table, through PT_DYNAMIC.
func (f *File) dynsym() (*table, error) {
	return f.dynsyms.get(func() (*table, error) {
		d, err := f.dyn()
		if err != nil || d.symtab == 0 {
			return nil, err
		}
		n, err := f.dynsymCount(d)
		if err != nil {
			return nil, err
		}
		t := new(table)
		if t.syms, err = f.contents(d.symtab, n*symSize); err != nil {
			return nil, err
		}
		if t.strs, err = f.contents(d.strtab, d.strsz); err != nil {
			return nil, err
		}
		if d.versym != 0 {
			t.versym, err = f.contents(d.versym, n*2)
		}
		return t, err
	})
}

// dynsymCount is the number of dynamic symbols, which only the hash tables and
// the section header say.
func (f *File) dynsymCount(d *dynamic) (uint64, error) {
	if d.hash != 0 {
		b, err := f.contents(d.hash, 8) // nbucket, nchain: one chain entry a symbol
		if err != nil {
			return 0, err
		}
		return uint64(le.Uint32(b[4:])), nil
	}
	if d.gnuHash != 0 {
		h, err := f.gnuHash(d)
		if err != nil {
			return 0, err
		}
		return h.count(f)
	}
	sections, err := f.sectionTable()
	for _, s := range sections {
		if s.typ == elf.SHT_DYNSYM {
			return s.size / symSize, nil
		}
	}
	return 0, err
}

// gnuHash is the header of DT_GNU_HASH:
//
//	u32 nbuckets, symoffset, bloomsize, bloomshift
//	u64 bloom[bloomsize]
//	u32 buckets[nbuckets]     first symbol of the bucket, 0 when empty
//	u32 chain[]               from symbol symoffset on: hash, bit 0 ends a bucket
type gnuHash struct {
	nbuckets, symoffset, bloomsize, bloomshift uint32
	bloom, buckets, chain                      uint64 // addresses
}

func (f *File) gnuHash(d *dynamic) (gnuHash, error) {
	b, err := f.contents(d.gnuHash, 16)
	if err != nil {
		return gnuHash{}, err
	}
	h := gnuHash{nbuckets: le.Uint32(b), symoffset: le.Uint32(b[4:]), bloomsize: le.Uint32(b[8:]), bloomshift: le.Uint32(b[12:])}
	h.bloom = d.gnuHash + 16
	h.buckets = h.bloom + 8*uint64(h.bloomsize)
	h.chain = h.buckets + 4*uint64(h.nbuckets)
	return h, nil
}

// count is one more than the last symbol of the chains.
func (h gnuHash) count(f *File) (uint64, error) {
	buckets, err := f.contents(h.buckets, 4*uint64(h.nbuckets))
	if err != nil {
		return 0, err
	}
	last := uint32(0)
	for ; len(buckets) > 0; buckets = buckets[4:] {
		last = max(last, le.Uint32(buckets))
	}
	n := uint64(h.symoffset)
	err = f.walkBucket(h, last, func(i uint64, _ uint32) error {
		n = i + 1
		return nil
	})
	return n, err
}

// gnuHashOf is dl_new_hash.
func gnuHashOf(name string) uint32 {
	h := uint32(5381)
	for i := range len(name) {
		h = h*33 + uint32(name[i])
	}
	return h
}

// dynsymsNamed finds the symbols called name through DT_GNU_HASH, by reading
// the few entries on its way instead of the tables. ok is false when there is
// no such table.
func (f *File) dynsymsNamed(name string) (t *table, ok bool, err error) {
	d, err := f.dyn()
	if err != nil || d.gnuHash == 0 {
		return nil, false, err
	}
	h, err := f.gnuHash(d)
	if err != nil || h.nbuckets == 0 || h.bloomsize == 0 {
		return nil, err == nil, err
	}
	hash := gnuHashOf(name)
	if in, err := f.inBloom(h, hash); err != nil || !in {
		return nil, true, err
	}
	b, err := f.contents(h.buckets+4*uint64(hash%h.nbuckets), 4)
	if err != nil {
		return nil, true, err
	}
	t = new(table)
	err = f.walkBucket(h, le.Uint32(b), func(i uint64, hashOfI uint32) error {
		if hashOfI != hash|1 {
			return nil
		}
		return f.addIfNamed(t, d, i, name)
	})
	return t, true, err
}

func (f *File) inBloom(h gnuHash, hash uint32) (bool, error) {
	b, err := f.contents(h.bloom+8*uint64(hash/64%h.bloomsize), 8)
	if err != nil {
		return false, err
	}
	mask := uint64(1)<<(hash%64) | uint64(1)<<(hash>>(h.bloomshift%32)%64)
	return le.Uint64(b)&mask == mask, nil
}

// maxBucket bounds the walk of one bucket; real ones have a handful of entries.
const maxBucket = 1 << 16

// walkBucket visits the symbols of the bucket that begins at symbol first, each
// with its hash, of which bit 0 is always set.
func (f *File) walkBucket(h gnuHash, first uint32, visit func(i uint64, hash uint32) error) error {
	if first < h.symoffset {
		return nil // an empty bucket
	}
	const step = 16 // entries a read
	for n := uint64(0); n < maxBucket; n += step {
		chain, err := f.upTo(h.chain+4*(uint64(first-h.symoffset)+n), 4*step)
		if err != nil {
			return err
		}
		for i := uint64(first) + n; len(chain) >= 4; i, chain = i+1, chain[4:] {
			hash := le.Uint32(chain)
			if err := visit(i, hash|1); err != nil || hash&1 != 0 {
				return err
			}
		}
	}
	return fmt.Errorf("%w: a bucket of DT_GNU_HASH does not end", ErrFormat)
}

// addIfNamed appends symbol i to the little table t when it is called name.
func (f *File) addIfNamed(t *table, d *dynamic, i uint64, name string) error {
	sym, err := f.contents(d.symtab+i*symSize, symSize)
	if err != nil {
		return err
	}
	got, err := f.dynString(d, uint64(le.Uint32(sym)))
	if err != nil || got != name {
		return err
	}
	t.syms = append(t.syms, sym...)
	le.PutUint32(t.syms[len(t.syms)-symSize:], 0) // in t, all symbols share one name
	t.strs = append(append(t.strs[:0], name...), 0)
	if d.versym == 0 {
		return nil
	}
	v, err := f.contents(d.versym+i*2, 2)
	t.versym = append(t.versym, v...)
	return err
}
