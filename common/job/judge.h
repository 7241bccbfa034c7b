/* job/judge.h: what a text answers: the prompt's target, its foil, or neither.
 *
 * By rules: the fields `target` and `aliases` (a text or a list of texts) are what says the
 * target, `foil` and `foil_aliases` what says the foil. Of all their mentions in the text
 * (text/mention.h: words, whatever the case and the punctuation) the earliest wins; of two that
 * begin together the longer one. Negation is not understood: "not Rome" mentions Rome. A text
 * that mentions nothing is judged `neither`.
 *
 * By a command: for every record one line of JSON {"id", "text", "fields"} goes in, one word
 * comes out: target, foil or neither. One process serves the whole run, in order. */
#ifndef MI_JOB_JUDGE_H
#define MI_JOB_JUDGE_H

#include "base/coprocess.h"
#include "data/value.h"

/* `{0}` judges by rules. */
struct mi_judge {
    struct mi_coprocess command; /* private */
    struct mi_buf line, answer;
};

/* command NULL: by rules. */
int mi_judge_open(struct mi_judge *j, const char *command, struct mi_error *err) MI_MUST_USE;
/* "target", "foil" or "neither" (static) into *out. MI_EXIT_DATA: by rules, the prompt has
 * neither a target nor a foil, or one text is named for both; by command, another word. */
int mi_judge_text(struct mi_judge *j, const char **out, const char *id,
                  const struct mi_value *fields, const char *text, size_t len,
                  struct mi_error *err) MI_MUST_USE;
/* After the last text: the command must end well. */
int mi_judge_end(struct mi_judge *j, struct mi_error *err) MI_MUST_USE;
void mi_judge_close(struct mi_judge *j);

#endif
