package elfsym

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/internal/procmaps"
)

// Module is one ELF file as it is loaded in a process.
type Module struct {
	Path     string // as in the maps
	Lo, Hi   uint64 // the addresses its PT_LOAD segments span; without File, its mappings
	Bias     uint64 // address in the process = virtual address in File + Bias
	Main     bool   // the program itself: /proc/self/exe
	Mappings []procmaps.Mapping
	File     *File // nil when Err says why
	Err      error // the file was deleted, replaced, or cannot be read
}

// ErrReplaced is wrapped by Module.Err when the file at the path is not the one
// that is mapped: it was deleted, or replaced by an upgrade.
var ErrReplaced = errors.New("the file on disk is not the one that is mapped")

// Modules finds the ELF files with code among the mappings of a process, in
// ascending order of their addresses. A file that is loaded twice (dlmopen) is
// two modules that share a File. The vdso, which has no file, is not included.
//
// open opens a path of the maps, which is a path in the mount namespace of that
// process; nil stands for Open. It is called once a file, and hands the File over:
// the modules' owner closes it, Modules what it does not return. A file that open says
// is not ELF is passed over (any file can be mapped executable); every other
// error, and a file that is not the mapped one, makes a module without File.
// Which file is mapped is decided by the inode alone, as overlayfs and btrfs
// show other device numbers in the maps than stat does.
//
// Main is the first module that is linked as a program. Where a process was
// started through its loader (ld.so PROG), /proc/self/exe is ld.so instead.
func Modules(ms []procmaps.Mapping, open func(path string) (*File, error)) ([]*Module, error) {
	if !slices.IsSortedFunc(ms, func(a, b procmaps.Mapping) int { return cmp.Compare(a.Lo, b.Lo) }) {
		return nil, errors.New("the mappings are not in the order of their addresses")
	}
	if open == nil {
		open = Open
	}
	var mods []*Module
	for _, group := range groupByFile(ms) {
		mods = append(mods, modulesOf(group, open)...)
	}
	slices.SortFunc(mods, func(a, b *Module) int { return cmp.Compare(a.Lo, b.Lo) })
	if i := slices.IndexFunc(mods, (*Module).isProgram); i >= 0 {
		mods[i].Main = true
	}
	return mods, nil
}

// fileID is what tells mapped files apart.
type fileID struct {
	major, minor uint32
	inode        uint64
	path         string // a hard link may be loaded beside its other name
}

// groupByFile collects the mappings of each file that has executable ones.
func groupByFile(ms []procmaps.Mapping) [][]procmaps.Mapping {
	var groups [][]procmaps.Mapping
	index := make(map[fileID]int)
	for _, m := range ms {
		if m.Exec && m.Inode != 0 {
			id := fileID{m.Major, m.Minor, m.Inode, m.Path}
			if _, seen := index[id]; !seen {
				index[id] = len(groups)
				groups = append(groups, nil)
			}
		}
	}
	for _, m := range ms {
		if i, ok := index[fileID{m.Major, m.Minor, m.Inode, m.Path}]; ok {
			groups[i] = append(groups[i], m)
		}
	}
	return groups
}

// modulesOf makes the modules of one file from its mappings.
func modulesOf(group []procmaps.Mapping, open func(string) (*File, error)) []*Module {
	file, err := openMapped(group[0], open)
	if errors.Is(err, ErrFormat) {
		return nil
	}
	if err != nil {
		last := group[len(group)-1]
		return []*Module{{Path: group[0].Path, Lo: group[0].Lo, Hi: last.Hi, Mappings: group, Err: err}}
	}
	var mods []*Module
	for _, m := range group {
		if bias, ok := file.biasOf(m); ok && !slices.ContainsFunc(mods, func(o *Module) bool { return o.Bias == bias }) {
			mods = append(mods, file.loadedAt(bias, m.Path, group))
		}
	}
	if mods == nil {
		file.Close() // mapped as data
	}
	return mods
}

// openMapped opens the file of m and holds it to be the mapped one.
func openMapped(m procmaps.Mapping, open func(string) (*File, error)) (*File, error) {
	if m.Deleted {
		return nil, fmt.Errorf("%s: deleted: %w", m.Path, ErrReplaced)
	}
	f, err := open(m.Path)
	if err != nil {
		return nil, err
	}
	if f.inode != 0 && f.inode != m.Inode {
		f.Close()
		return nil, fmt.Errorf("%s: inode %d on disk, %d in memory: %w", m.Path, f.inode, m.Inode, ErrReplaced)
	}
	return f, nil
}

// biasOf is the bias at which the file must be loaded to show its code in m, an
// executable mapping: the code segment that begins in or before m's first page
// of the file says which address that page has. Where segments share a page (as
// lld lays them out), the one with code is the one that is mapped executable.
func (f *File) biasOf(m procmaps.Mapping) (uint64, bool) {
	if !m.Exec {
		return 0, false
	}
	for _, p := range f.loads {
		if p.flags&elf.PF_X != 0 && p.filesz != 0 && pageDown(p.off) <= m.Offset && m.Offset < pageUp(p.off+p.filesz) {
			bias := m.Lo - (pageDown(p.vaddr) + (m.Offset - pageDown(p.off)))
			return bias, bias&(pageSize-1) == 0 && (f.PIE() || bias == 0)
		}
	}
	return 0, false
}

// loadedAt is the module at bias, with the mappings of group that lie in it.
func (f *File) loadedAt(bias uint64, path string, group []procmaps.Mapping) *Module {
	mod := &Module{Path: path, Bias: bias, Lo: bias + f.LoadBase(), Hi: bias + f.LoadEnd(), File: f}
	for _, m := range group {
		if mod.Lo <= m.Lo && m.Lo < mod.Hi {
			mod.Mappings = append(mod.Mappings, m)
		}
	}
	return mod
}

// isProgram reports whether the file is linked as a program: at a fixed
// address, or with the flag that linkers set since 2015, or, without the flag,
// with a loader and without the name of a library.
func (m *Module) isProgram() bool {
	f := m.File
	if f == nil {
		return false
	}
	if f.typ == elf.ET_EXEC {
		return true
	}
	d, err := f.dyn()
	return err == nil && (elf.DynFlag1(d.flags1)&elf.DF_1_PIE != 0 || f.Interp() != "" && d.soname == 0)
}
