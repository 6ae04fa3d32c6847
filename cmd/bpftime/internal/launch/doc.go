// Package launch starts a program as env(1) would, stands beside it while it runs, and
// says beforehand when LD_PRELOAD cannot reach it.
//
// Protocol. The program is a child in our process group, with our terminal, our
// descriptors and our working directory, so it is in the foreground when we are, and
// the terminal's Ctrl-C, Ctrl-\ and Ctrl-Z reach it without us. Signals that were sent
// to us alone are sent on. From Start until Release we die of none of the signals that
// are sent on, nor of SIGPIPE: whoever has something to say after the program's end
// can say it.
//
//	Find ─▶ path ─▶ Obstacle            may LD_PRELOAD work there?
//	             └▶ Start ─▶ Wait ─▶ exit code ─▶ Release
//
// One program at a time.
package launch
