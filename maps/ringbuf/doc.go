// Package ringbuf reads the records of a ringbuf map, and of a perf_event_array, which
// is one ring for all CPUs here.
//
// Protocol. Producers are programs (internal/native/map_ringbuf.c): each reserves a
// record by moving the producers' word, writes its header, fills it and submits it.
// The consumer is one process at a time, which has the file locked (flock); a second
// one is refused. Its page holds two positions, in bytes since the ring was made:
//
//	READ       up to here records were delivered
//	CONSUMER   up to here space was given back to producers
//
// A record is delivered by moving READ over it. Then its words are made empty, each
// with the lap that its place is going to be in next, and CONSUMER follows. So a
// consumer that was killed in between has delivered the record, and the next one
// empties what lies between the two positions before it does anything else.
//
// Records come in the order of their reservations, so one that is reserved and not yet
// submitted holds up those behind it. When the run that reserved it is over without
// having submitted it, it never will be, and is passed over. That is known, not
// guessed from the time gone by: the process of its lease is dead, or the lease belongs
// to nobody or to somebody else, or has run something since. Who is only stopped is
// waited for: it is going to write there.
//
// A user_ringbuf goes the other way: a Writer here, programs drain it
// (internal/native/map_drain.c). A flight recorder has another layout and no consumer: see Recorder.
//
// All that is read may be spoilt by another process. Lengths and positions are bounded;
// when they cannot be right, everything up to the producers' position is given up, and
// an error says so, once.
package ringbuf
