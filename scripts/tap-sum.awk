# Sums TAP from several producers, each opened by a line "# file NAME" and, when it ended
# with another status than 0, closed by "# exit STATUS".
# A producer that ran fewer tests than it planned, or planned none, has failed; so has one
# whose tests passed and which died afterwards (a leak, a signal at exit).
# Repeats each failure; last line: "N passed, N failed, N skipped".
function close_file() {
	if (file != "" && (plan == 0 || seen != plan)) {
		printf "%s: %d of %d planned tests ran\n", file, seen, plan
		bad += plan > seen ? plan - seen : 1
	} else if (file != "" && code && !here) {
		printf "%s: every test passed, then exit %s\n", file, code
		bad++
	}
	seen = plan = here = code = 0
}
/^# file /                 { close_file(); file = $3; next }
/^# exit /                 { code = $3; next }
/^1\.\.[0-9]/              { plan = substr($1, 4) + 0; next }
/^ok .*# [Ss][Kk][Ii][Pp]/ { seen++; skip++; next }
/^ok /                     { seen++; good++; next }
/^not ok /                 { seen++; bad++; here++; print file ": " $0; next }
END {
	close_file()
	printf "%d passed, %d failed, %d skipped\n", good, bad, skip
	exit bad > 0 || good == 0
}
