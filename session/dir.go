package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNotOwned is wrapped by the error about a directory that others could change.
var ErrNotOwned = errors.New("session: not a directory of this user alone")

// MakeDir makes the directory of a session, and the run directory it lies in,
// and returns its path. Both must belong to the effective user, with no write
// permission for others.
func MakeDir(rundir, name string) (string, error) {
	dir := filepath.Join(rundir, name)
	for _, d := range []string{rundir, dir, filepath.Join(dir, "maps")} {
		if err := os.Mkdir(d, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("session: %w", err)
		}
		if err := owned(d); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func owned(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return fmt.Errorf("session: %s: %w", dir, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != uint32(os.Geteuid()) || st.Mode&0o022 != 0 {
		return fmt.Errorf("%w: %s: set BPFTIME_RUNDIR to a directory of your own, mode 0700", ErrNotOwned, dir)
	}
	return nil
}
