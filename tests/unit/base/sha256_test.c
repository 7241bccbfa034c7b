/* SHA-256 against the vectors of FIPS 180-4 and its lengths around a block's end. */
#include "base/sha256.h"

#include "../tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *hex(const void *bytes, size_t n)
{
    static char text[65];
    unsigned char d[MI_SHA256_SIZE];

    mi_sha256(bytes, n, d);
    for (int i = 0; i < MI_SHA256_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)d[i]);
    return text;
}

int main(void)
{
    static const struct {
        const char *text, *digest;
    } vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
         "mnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    char source[64], *many = malloc(1000000);

    plan(6);
    for (int i = 0; i < 4; i++)
        ok(strcmp(hex(vectors[i].text, strlen(vectors[i].text)), vectors[i].digest) == 0,
           "vector %d", i);
    memset(many, 'a', 1000000);
    ok(strcmp(hex(many, 1000000),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0") == 0,
       "a million times 'a'");
    ok(strcmp(mi_sha256_source("abc", 3, source),
              "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=") == 0,
       "as a policy writes it");
    free(many);
    return done();
}
