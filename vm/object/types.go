package object

import (
	"bytes"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// readBTF reads the types twice: as they stand in .BTF, and with the file
// around them for .BTF.ext. The library completes the types of data sections
// from the file's symbols, and fails where clang has moved a constant string to
// another section than it said; so that is done here (locate).
func (r *reader) readBTF() error {
	s := r.section(".BTF")
	if s == nil {
		return nil
	}
	raw, err := r.bytes(s)
	if err != nil {
		return err
	}
	if r.spec.Types, err = btf.LoadSpecFromReader(bytes.NewReader(raw)); err == nil {
		r.spec.local, r.ext, err = btf.LoadSpecAndExtInfosFromReader(bytes.NewReader(r.image))
	}
	if err != nil {
		return failure("BTF", "%w", err).helped("compile it again with -g; a newer clang may write types that are not known here")
	}
	return nil
}

// datasec is what BTF says of a section, nil if it says nothing.
func (r *reader) datasec(name string) *btf.Datasec {
	var types *btf.Datasec
	if r.spec.Types == nil || r.spec.Types.TypeByName(name, &types) != nil {
		return nil
	}
	// Whatever else a broken file may list there.
	types.Vars = slices.DeleteFunc(types.Vars, func(v btf.VarSecinfo) bool {
		_, ok := v.Type.(*btf.Var)
		return !ok
	})
	return types
}

// locate writes into the types of a data section where its variables are. clang
// leaves that to the loader; a linker has filled it in.
func locate(types *btf.Datasec, variables []variable, size uint32) {
	if types.Size != 0 {
		return
	}
	types.Size = size
	at := map[string]uint64{}
	for _, v := range variables {
		at[v.name] = v.offset
	}
	types.Vars = slices.DeleteFunc(types.Vars, func(v btf.VarSecinfo) bool {
		_, ok := at[v.Type.TypeName()]
		return !ok
	})
	for i, v := range types.Vars {
		types.Vars[i].Offset = uint32(at[v.Type.TypeName()])
	}
	slices.SortFunc(types.Vars, func(a, b btf.VarSecinfo) int { return int(a.Offset) - int(b.Offset) })
}

// layOut gives the variables of a section that exists only in BTF a place.
func (r *reader) layOut(name string) (*btf.Datasec, error) {
	types := r.datasec(name)
	if types == nil || len(types.Vars) == 0 {
		return nil, nil
	}
	types.Size = 0
	for i, v := range types.Vars {
		n, err := btf.Sizeof(v.Type.(*btf.Var).Type)
		if err != nil || n < 0 || n > MaxData-int(types.Size) {
			return nil, failure("section \""+name+"\"", "%s has no size", v.Type.TypeName())
		}
		types.Vars[i].Offset, types.Vars[i].Size = types.Size, uint32(n)
		types.Size = (types.Size + uint32(n) + 7) &^ 7
	}
	return types, nil
}

// MarshalBTF writes the types in the form of a .BTF section, data sections
// completed, for whoever reads maps and records later.
func (s *Spec) MarshalBTF() ([]byte, error) {
	if s.Types == nil {
		return nil, nil
	}
	var b btf.Builder
	for t, err := range s.Types.All() {
		if err == nil {
			_, err = b.Add(t)
		}
		if err != nil {
			return nil, of(s.Name, failure("BTF", "%w", err))
		}
	}
	return b.Marshal(nil, nil)
}
