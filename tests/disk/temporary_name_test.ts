import { assert, assertEquals, assertMatch } from "@std/assert";
import { splitLocation, temporaryName } from "../../src/disk/temporary_name.ts";
import { utf8Length } from "../../src/format/path.ts";

Deno.test("temporaryName() is hidden, tells the name and is different each time", () => {
  assertMatch(temporaryName("db.coffer"), /^\.db\.coffer\.[a-z2-7]{12}\.coffer-tmp$/);
  assertEquals(new Set(Array.from({ length: 1000 }, () => temporaryName("x"))).size, 1000);
});

Deno.test("temporaryName() stays within 255 bytes without splitting a character", () => {
  for (const name of ["n".repeat(255), "é".repeat(127), "😀".repeat(63), "a" + "😀".repeat(63)]) {
    const temporary = temporaryName(name);
    assert(utf8Length(temporary) <= 255, `${utf8Length(temporary)} bytes`);
    assert(utf8Length(temporary) > 250, `only ${utf8Length(temporary)} bytes`);
    assert(temporary.isWellFormed(), "a character was split");
  }
});

Deno.test("splitLocation() splits at the last separator", () => {
  assertEquals(splitLocation("name"), { folder: "", name: "name" });
  assertEquals(splitLocation("a/b/name"), { folder: "a/b/", name: "name" });
  assertEquals(splitLocation("/name"), { folder: "/", name: "name" });
  assertEquals(splitLocation("a/"), { folder: "a/", name: "" });
});
