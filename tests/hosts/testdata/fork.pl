# Forks, pipes, signal handlers, backticks and a die.
use strict; use POSIX ":sys_wait_h"; $| = 1;
my $alarms = 0; $SIG{ALRM} = sub { $alarms++ };
my %status;
for my $n (1 .. 20) { my $pid = fork // die; exit $n unless $pid; $status{$pid} = $n }
my $right = 0; while ((my $pid = wait) > 0) { $right++ if $? >> 8 == $status{$pid} }
print "right $right\n";
print "lines ", scalar(my @l = `seq 1 500`), "\n";
open my $pipe, "-|", "sort", "-n", "/dev/null" or die; close $pipe; print "sort $?\n";
alarm 1; select undef, undef, undef, 5; print "alarms $alarms\n";
system "checkpoint", "perl"; print "checkpoint $?\n";
$SIG{CHLD} = "IGNORE"; system "true"; print "ignored $?\n";
system "checkpoint", "ignoring";
my %h = map { $_ => "x" x $_ } 1 .. 3000; print length(join "", values %h), "\n";
die "last words\n";
