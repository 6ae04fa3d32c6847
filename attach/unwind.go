package attach

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
)

// Unwind tables: by them the resident code of a traced process walks up its stacks
// (internal/native/bpf_stack.c). There is one for each module that is loaded: the rows of
// its .eh_frame (elfsym.Unwind) in eight bytes each, sorted by address, behind a header in
// the form of a map's (internal/abi, UNWIND_*), since the applier maps and checks it as
// one. A table is named by what identifies its file, comes into place whole, and is used
// again by every process of the session. Nothing in it is trusted: a row says where to
// look for an address, and whoever looks asks the kernel.

// maxRows bounds a table: 32 MiB. The rows of a browser do not fit.
const maxRows = 4 << 20

// errNoRows is returned for a module that has no unwind data.
var errNoRows = errors.New("no .eh_frame")

// makeTable makes the table of a module in dir, or finds it there, and returns its path and
// size.
func makeTable(dir string, m *elfsym.Module) (path string, size uint64, err error) {
	path, err = tableName(dir, m.Path)
	if err != nil {
		return "", 0, err
	}
	if info, err := os.Lstat(path); err == nil {
		return path, uint64(info.Size()), nil
	}
	rows, err := m.File.Unwind()
	if err == nil && len(rows) == 0 {
		err = errNoRows
	}
	if err == nil && (len(rows) > maxRows || len(m.Path) >= abi.UNWIND_PATH_MAX) {
		err = fmt.Errorf("%d rows: at most %d are possible", len(rows), maxRows)
	}
	if err != nil {
		return "", 0, fmt.Errorf("unwind: %s: %w", m.Path, err)
	}
	b := tableOf(m.Path, m.File.LoadBase(), rows)
	describeFile(b, m.File)
	return path, uint64(len(b)), placeTable(path, b)
}

// tableName tells files apart by what changes when they do.
func tableName(dir, path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", fmt.Errorf("unwind: %s: %w", path, err)
	}
	h := fnv.New64a()
	fmt.Fprint(h, path, st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim)
	return filepath.Join(dir, fmt.Sprintf("%016x", h.Sum64())), nil
}

// placeTable writes a whole file; who was first has written the same.
func placeTable(path string, b []byte) error {
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("unwind: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".")
	if err != nil {
		return fmt.Errorf("unwind: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Link(f.Name(), path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("unwind: %w", err)
	}
	return nil
}

func tableOf(path string, loadBase uint64, rows []elfsym.UnwindRow) []byte {
	le := binary.LittleEndian
	b := make([]byte, abi.MAP_DATA_OFF, abi.MAP_DATA_OFF+len(rows)*abi.UNWIND_ROW)
	n := uint32(0)
	for _, r := range rows {
		if at := r.PC - loadBase; at < 1<<32 {
			b = le.AppendUint32(le.AppendUint32(b, uint32(at)), packRow(r))
			n++
		}
	}
	le.PutUint64(b[abi.MAP_HDR_MAGIC:], abi.MAP_MAGIC)
	le.PutUint32(b[abi.MAP_HDR_VERSION:], abi.MAP_VERSION)
	le.PutUint32(b[abi.MAP_HDR_TYPE:], abi.UNWIND_TYPE)
	le.PutUint32(b[abi.MAP_HDR_MAX_ENTRIES:], n)
	le.PutUint64(b[abi.MAP_HDR_SIZE:], uint64(len(b)))
	le.PutUint64(b[abi.MAP_HDR_DATA:], abi.MAP_DATA_OFF)
	le.PutUint64(b[abi.UNWIND_LOAD_BASE:], loadBase)
	copy(b[abi.UNWIND_PATH:abi.UNWIND_PATH+abi.UNWIND_PATH_MAX-1], path)
	return b
}

// describeFile puts into the header what turns an address into build-id and offset. A file
// whose build-id has another length than the kernel knows has none.
func describeFile(b []byte, f *elfsym.File) {
	le, base := binary.LittleEndian, f.LoadBase()
	const idSize = 20
	if len(f.BuildID()) <= idSize {
		copy(b[abi.UNWIND_BUILD_ID:][:idSize], f.BuildID())
	}
	for i, text := range f.Text() {
		from, to := text.Lo-base, text.Hi-base
		offset, ok := f.FileOffset(text.Lo)
		if !ok || to >= 1<<32 || i == abi.UNWIND_NTEXTS {
			return
		}
		at := b[abi.UNWIND_TEXTS+16*i:]
		le.PutUint32(at, uint32(from))
		le.PutUint32(at[4:], uint32(to))
		le.PutUint64(at[8:], offset-from)
	}
}

var unwindKinds = map[elfsym.UnwindKind]uint32{elfsym.UnwindDeref: abi.UNWIND_DEREF, elfsym.UnwindSignal: abi.UNWIND_SIGNAL,
	elfsym.UnwindEnd: abi.UNWIND_END, elfsym.UnwindNone: abi.UNWIND_NONE}

// packRow is a row without its address, as abi.UNWIND_*. What there is no room for is not
// known.
func packRow(r elfsym.UnwindRow) uint32 {
	kind, other := unwindKinds[r.Kind]
	if !other {
		kind = uint32(r.Reg)
	}
	bp := uint32(-r.BPOff / 8)
	if r.BPAt {
		bp = abi.UNWIND_BP_AT
	}
	off := int64(int16(r.Off/8)) * 8
	if off != r.Off || r.BPOff > 0 || r.BPOff%8 != 0 || bp > abi.UNWIND_BP_AT || !r.BPAt && bp > abi.UNWIND_BP_MAX {
		return abi.UNWIND_NONE
	}
	return kind | uint32(uint16(r.Off/8))<<abi.UNWIND_OFF | bp<<abi.UNWIND_BP
}
