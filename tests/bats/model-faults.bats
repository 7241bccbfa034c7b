# Model files that are not what they say.
bats_require_minimum_version 1.5.0

setup() { load lib/helper; }

# 120 lies about counts, offsets, shapes, types, alignment, hyperparameters, vocabulary and template.
@test "model faults: a file that lies is refused in a line, within two seconds and 64 MiB" {
	command -v python3 >/dev/null || skip "no python3 here"
	run -0 python3 "$BATS_TEST_DIRNAME/lib/model_lies.py" "$(command -v mi-run)" "$FIXTURES/tiny/llama-mixed.gguf"
	[[ ${lines[-1]} == 1..* && ${#lines[@]} -gt 80 ]]
}

@test "model faults: and so is a directory, whichever of its files lies" {
	command -v python3 >/dev/null || skip "no python3 here"
	run -0 python3 "$BATS_TEST_DIRNAME/lib/folder_lies.py" "$(command -v mi-run)" "$FIXTURES/tiny/llama-f32"
	[[ ${lines[-1]} == 1..* && ${#lines[@]} -gt 100 ]]
}

@test "model faults: tensors beyond 4 GiB are found, and one beyond the end is not" {
	command -v python3 >/dev/null || skip "no python3 here"
	run -0 python3 "$BATS_TEST_DIRNAME/lib/model_far.py" "$FIXTURES/tiny/llama-f32.gguf" far.gguf
	# as text: no record is written, so nobody reads 6 GiB for a digest
	mi-run -m "$FIXTURES/tiny/llama-f32.gguf" -n 12 -p 'the city' --text >near
	run_clean 0 mi-run -m far.gguf -n 12 -p 'the city' --text --max-memory 16G
	[ "$output" = "$(cat near)" ]
	truncate -s -1 far.gguf
	run_clean 3 mi-run -m far.gguf -n 12 -p 'the city' --text --max-memory 16G
	[[ $stderr == *"beyond the end of the file"* ]]
}
