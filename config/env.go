package config

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// The environment variables of the agent and the command.
const (
	ManifestVar = "BPFTIME_MANIFEST" // an absolute path, or the manifest itself when it begins with '{'
	SessionVar  = "BPFTIME_SESSION"
	RunDirVar   = "BPFTIME_RUNDIR" // the directory of all sessions, absolute
	LogVar      = "BPFTIME_LOG"    // off, error, warn, info or debug

	xdgRuntimeDirVar = "XDG_RUNTIME_DIR"
)

// Env is the part of a process's environment that matters here, as values: the agent fills it with the host's, through C. An
// empty value is one that is not set.
type Env struct {
	Manifest, Session, RunDir, XDGRuntimeDir, Log string
}

// EnvFrom fills an Env with getenv, os.Getenv for one.
func EnvFrom(getenv func(name string) string) Env {
	return Env{
		Manifest:      getenv(ManifestVar),
		Session:       getenv(SessionVar),
		RunDir:        getenv(RunDirVar),
		XDGRuntimeDir: getenv(xdgRuntimeDirVar),
		Log:           getenv(LogVar),
	}
}

// DefaultSession is the session of a process whose environment and manifest name none.
const DefaultSession = "default"

// SessionName returns the session: the environment's, else the manifest's, which may be nil, else DefaultSession. A -s
// flag comes before all of them and is the caller's; CheckSession is for it.
func (e Env) SessionName(m *Manifest) (string, error) {
	switch {
	case e.Session != "":
		if err := CheckSession(e.Session); err != nil {
			return "", fmt.Errorf("%s: %w", SessionVar, err)
		}
		return e.Session, nil
	case m != nil && m.Session != "":
		return m.Session, nil
	}
	return DefaultSession, nil
}

// RunDirPath returns the directory of all sessions: BPFTIME_RUNDIR, else $XDG_RUNTIME_DIR/bpftime where owned says that the
// effective user owns XDG_RUNTIME_DIR, else /dev/shm/bpftime-UID. sudo keeps the variable of the user it came from: hence the question.
func (e Env) RunDirPath(uid int, owned func(path string) bool) (string, error) {
	switch {
	case path.IsAbs(e.RunDir):
		return path.Clean(e.RunDir), nil
	case e.RunDir != "":
		return "", fmt.Errorf("%s: the path %q is relative, and processes change their directory; write it from the root", RunDirVar, e.RunDir)
	case path.IsAbs(e.XDGRuntimeDir) && owned(e.XDGRuntimeDir):
		return path.Join(e.XDGRuntimeDir, "bpftime"), nil
	}
	return "/dev/shm/bpftime-" + strconv.Itoa(uid), nil
}

// Level is how much is logged: each level includes those before it.
type Level uint8

const (
	LogOff Level = iota
	LogError
	LogWarn
	LogInfo
	LogDebug
)

var levelNames = [...]string{"off", "error", "warn", "info", "debug"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "Level(" + strconv.Itoa(int(l)) + ")"
}

// LogLevel returns BPFTIME_LOG, LogWarn if it is not set. With an error comes LogWarn too, so that it can be logged.
func (e Env) LogLevel() (Level, error) {
	if e.Log == "" {
		return LogWarn, nil
	}
	for l, name := range levelNames {
		if e.Log == name {
			return Level(l), nil
		}
	}
	return LogWarn, fmt.Errorf("%s: unknown level %q; %s", LogVar, e.Log, suggest(e.Log, levelNames[:]))
}

// ErrNoManifest is what Load returns where BPFTIME_MANIFEST is not set: there is nothing to do in this process.
var ErrNoManifest = errors.New(ManifestVar + " is not set")

// Load reads the manifest that BPFTIME_MANIFEST names or is. A relative path is refused: the children of the process inherit the
// variable and change their directory, and then would run untraced without a word.
func (e Env) Load() (*Manifest, error) {
	switch {
	case e.Manifest == "":
		return nil, ErrNoManifest
	case e.Manifest[0] == '{':
		dir, err := syscall.Getwd()
		if err != nil {
			return nil, fmt.Errorf("%s: the working directory, which the paths in it begin at: %w", ManifestVar, err)
		}
		return Parse(ManifestVar, dir, []byte(e.Manifest))
	case !path.IsAbs(e.Manifest):
		return nil, fmt.Errorf("%s: the path %q is relative, and children change their directory; write it from the root%s",
			ManifestVar, e.Manifest, absoluteHint(e.Manifest))
	}
	m, err := ParseFile(e.Manifest)
	if found := (Errors)(nil); err != nil && !errors.As(err, &found) {
		return nil, fmt.Errorf("%s: %w", ManifestVar, err)
	}
	return m, err
}

// absoluteHint spells the path out that a relative one means now.
func absoluteHint(file string) string {
	dir, err := syscall.Getwd()
	if err != nil || strings.HasPrefix(dir, "(") { // "(unreachable)/..." outside of this mount namespace
		return ""
	}
	return ": " + path.Join(dir, file)
}

// ParseFile reads the manifest in a file, given by an absolute path.
func ParseFile(file string) (*Manifest, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, path.Dir(file), text)
}

// readFile reads a regular file of at most MaxSize bytes. Opening must not wait for the writer of a FIFO, and Go's os
// package would start its poller, in the host's process a descriptor more.
func readFile(file string) ([]byte, error) {
	fd, err := syscall.Open(file, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", file, err)
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, fmt.Errorf("%s is no regular file; a manifest is read by every process that inherits the variable", file)
	}
	if st.Size > MaxSize {
		return nil, fmt.Errorf("%s has %d bytes, more than the %d of the largest manifest", file, st.Size, MaxSize)
	}
	return readAll(fd, file)
}

// readAll reads to the end, or to one byte more than a manifest may have: Parse says so.
func readAll(fd int, file string) ([]byte, error) {
	text := make([]byte, 0, 4096)
	for len(text) <= MaxSize {
		if len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
		n, err := syscall.Read(fd, text[len(text):cap(text)])
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return nil, fmt.Errorf("cannot read %s: %w", file, err)
		case n == 0:
			return text, nil
		default:
			text = text[:len(text)+n]
		}
	}
	return text, nil
}
