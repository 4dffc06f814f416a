# SPDX-License-Identifier: Apache-2.0
"""cotter import and export from outside: the tools of each format read what is exported, and hostile files
get one error with a position and nothing is written."""
import base64
import io
import json
import os
import plistlib
import subprocess
import sys
import unittest
import zipfile

import yaml

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from folder_case import FolderCase  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
HERE = os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/formats")
PIN_A = "xQ0kpmiTHBRHBfEZAqGFYV9eRmhqEhMDLRnJAVjYDOo="
PIN_B = "C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M="
POLICY = f"""[policy]
name = "acme -- */ health"
environment = "production"
version = 42
[[host]]
pattern = "api.example.com"
pins = [{{ pin = "sha256/{PIN_A}", place = "leaf", label = "--> */ ''' `" }},
        {{ pin = "sha256/{PIN_B}", place = "leaf", use = "backup" }}]
[[host]]
pattern = "**.shop.example.com"
expires = 2027-06-29
on_expiry = "pki"
pins = [{{ pin = "sha256/{PIN_A}", place = "leaf" }}, {{ pin = "sha256/{PIN_B}", place = "leaf" }}]
[[host]]
pattern = "old.shop.example.com"
mode = "off"
"""
NSC = "<network-security-config><domain-config><domain>{}</domain><pin-set><pin digest=\"SHA-256\">{}" \
      "</pin></pin-set></domain-config></network-security-config>"


class Exchange(FolderCase):
    def setUp(self):
        super().setUp()
        self.policy = self.write("policy.toml", POLICY)

    def run_program(self, *words, cwd=None):
        return subprocess.run(words, capture_output=True, timeout=60, check=False, cwd=cwd)

    def export(self, *words):
        done = self.run_program(COTTER, "export", *words, self.policy)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def rules(self, path, *words):
        done = self.run_program(COTTER, "import", path, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    # S0-19, S3-41: Android's tools take the file, and an APK with it is read.
    def test_android_is_valid_and_compiles(self):
        for options in ([], ["--debug-build"]):
            config = self.write("res/xml/pins.xml", self.export("--to", "android", *options))
            done = self.run_program("xmllint", "--noout", "--relaxng",
                                    os.path.join(HERE, "nsc.rng"), config)
            self.assertEqual(done.returncode, 0, done.stderr)
        text = self.export("--to", "android")
        self.assertIn('expiration="2027-06-30"', text)
        told = self.run_program(COTTER, "export", "--to", "android", self.policy).stderr.decode()
        self.assertIn("**.shop.example.com: the pins end on 2027-06-30", told)
        self.write("res/xml/pins.xml", text)
        self.write("AndroidManifest.xml", '<manifest package="a.b"><application/></manifest>')
        done = self.run_program("aapt", "package", "-f", "-M", "AndroidManifest.xml", "-S", "res",
                                "-F", "app.apk", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        imported = self.rules(os.path.join(self.folder, "app.apk"))
        self.assertEqual(imported.count("pattern ="), 3)
        self.assertIn(PIN_B, imported)
        self.assertIn('mode = "off"', imported)

    def test_apple_tools_read_the_property_lists(self):
        for name in ("ios", "trustkit"):
            plist = self.write("Info.plist", self.export("--to", name))
            binary = os.path.join(self.folder, "binary.plist")
            done = self.run_program("plistutil", "-i", plist, "-o", binary, "-f", "bin")
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(plist, "rb") as one, open(binary, "rb") as two:
                read = plistlib.load(one)
                self.assertEqual(read, plistlib.load(two))
                two.seek(0)
                package = io.BytesIO()
                with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as ipa:
                    ipa.writestr("Payload/App.app/Info.plist", two.read())
            self.assertIn(PIN_A, str(read))
            for path in (binary, self.write("App.ipa", package.getvalue())):
                imported = self.rules(path)
                self.assertEqual(imported.count("pattern ="), 3)
                self.assertIn('mode = "off"', imported)

    def test_envoy_is_yaml_of_the_right_shape(self):
        for cluster in yaml.safe_load(self.export("--to", "envoy"))["static_resources"]["clusters"]:
            typed = cluster["transport_socket"]["typed_config"]
            self.assertTrue(typed["@type"].endswith("tls.v3.UpstreamTlsContext"))
            context = typed["common_tls_context"]["validation_context"]
            self.assertTrue(context["trusted_ca"]["filename"])
            self.assertEqual(context["match_typed_subject_alt_names"][0]["matcher"]["exact"],
                             typed["sni"])
            for pin in context["verify_certificate_spki"]:
                self.assertEqual((len(pin), len(base64.b64decode(pin))), (44, 32))

    # S2-14. No compiler for it here: what can be seen is seen.
    def test_dart_never_trusts_a_failed_certificate(self):
        text = self.export("--to", "dart")
        self.assertIn("badCertificateCallback = ((_, __, ___) => false)", text)
        self.assertIn("SecureSocket.startConnect", text)
        self.assertNotIn("=> true", text)
        self.assertNotIn("$", text)

    def test_dead_standard_must_be_asked_for(self):
        done = self.run_program(COTTER, "export", "--to", "hpkp", self.policy)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(f'pin-sha256="{PIN_A}"', self.export("--to", "hpkp", "--dead-standard"))

    # Strict loses no enforcement, and writes nothing instead.
    def test_strict_writes_nothing_where_enforcement_is_lost(self):
        out = os.path.join(self.folder, "out")
        done = self.run_program(COTTER, "export", "--to", "tls-client", "--strict", "-o", out, self.policy)
        self.assertEqual((done.returncode, done.stdout, os.path.exists(out)), (1, b"", False))
        done = self.run_program(COTTER, "export", "--to", "go", "--json", "-o", out, self.policy)
        report = json.loads(done.stdout)
        with open(out, encoding="utf-8") as file:
            self.assertEqual(file.read(), report["text"])
        self.assertEqual(report["policy"]["version"], 42)
        self.assertEqual({loss["severity"] for loss in report["losses"]} - {"note", "stricter"}, set())

    def hostile(self):
        """Name of a file -> (content, arguments, what the error must hold)."""
        bomb = io.BytesIO()
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as apk:
            apk.writestr("AndroidManifest.xml", b"")
            apk.writestr("res/xml/pins.xml", b"\x03\x00\x08\x00" + bytes(64 << 20))
        climbing = io.BytesIO()
        with zipfile.ZipFile(climbing, "w") as apk:
            apk.writestr("AndroidManifest.xml", b"")
            apk.writestr("../../etc/cron.d/x", b"x")
        many = io.BytesIO()
        with zipfile.ZipFile(many, "w", zipfile.ZIP_DEFLATED) as apk:
            apk.writestr("AndroidManifest.xml", b"")
            for i in range(70):  # each small enough, together too much
                apk.writestr(f"res/{i}.xml", b"\x03\x00\x08\x00" + bytes(1 << 20))
        climbing_ipa = io.BytesIO()
        with zipfile.ZipFile(climbing_ipa, "w") as ipa:
            ipa.writestr("Payload/../../x/Info.plist", b"x")
            ipa.writestr("Payload/A.app/Info.plist", b"<plist/>")
        bomb_ipa = io.BytesIO()
        with zipfile.ZipFile(bomb_ipa, "w", zipfile.ZIP_DEFLATED) as ipa:
            ipa.writestr("Payload/A.app/Info.plist", b"bplist00" + bytes(64 << 20))
        deep = "<dict><key>a</key>" * 100_000 + "</dict>" * 100_000
        plist = '<?xml version="1.0"?><plist version="1.0">{}<key>NSPinnedDomains</key></plist>'
        # Thirty arrays, each of two references to the next: a tree of a thousand million values.
        objects = b"".join(bytes([0xA2, i + 1, i + 1]) for i in range(30)) + b"\x09"
        offsets = bytes(8 + 3 * i for i in range(31))
        trailer = bytes(6) + b"\x01\x01" + (31).to_bytes(8, "big") + bytes(8) + \
            (8 + len(objects)).to_bytes(8, "big")
        return {
            "entity.xml": ('<!DOCTYPE a [<!ENTITY h "api.example.com">]>\n'
                           + NSC.format("&h;", PIN_A), [], "entity.xml:1:"),
            "undeclared.xml": (NSC.format("&h;", PIN_A), [], "undeclared.xml:1:"),
            "short.xml": (NSC.format("a.example", base64.b64encode(b"x" * 31).decode()), [],
                          "short.xml:1:"),
            "long.xml": (NSC.format("a." * 150 + "example", PIN_A), [], "long.xml:1:"),
            "twice.xml": ("<network-security-config>"
                          + NSC.format("a.example", PIN_A)[25:-26] * 2
                          + "</network-security-config>", [], "twice.xml:1:"),
            "mixed.xml": (NSC.format("a.example", PIN_A).encode() + b"\n<!-- \xe9 -->", [],
                          "mixed.xml:2:"),
            "utf16.xml": ('<?xml version="1.0" encoding="utf-16"?>' + NSC.format("a.b", PIN_A), [],
                          "utf16.xml:1:"),
            "half.xml": (NSC.format("a.example", PIN_A)[:-9], [], "half.xml:1:"),
            "deep.json": ("[" * 100_000, ["--from", "json"], "deep.json:1:"),
            "keys.json": ('{"a.example": [],\n "a.example": []}', [], "keys.json:2:"),
            "bare.kt": ("val client = OkHttpClient()\n", [], "bare.kt:1:1: "),
            "runtime.kt": ('val p = CertificatePinner.Builder().add(host(), "sha256/" + pin())', [],
                           "runtime.kt:1:"),
            "open.kt": ('val p = "CertificatePinner', [], "open.kt:1:"),
            "deep.plist": (plist.format(deep), [], "deep.plist:1:"),
            "entity.plist": ('<!DOCTYPE plist [<!ENTITY a "b">]>' + plist.format(""), [],
                             "entity.plist:1:"),
            "bomb.plist": (b"bplist00" + objects + offsets + trailer + b"NSPinnedDomains",
                           ["--from", "ios"], "bomb.plist: "),
            "unfold.plist": (b"bplist00" + objects + offsets + trailer, ["--from", "ios"],
                             "unfold"),
            # A dictionary whose key is a boolean: libplist 2.2 ends the process there.
            "key.plist": (b"bplist00\xd1\x01\x01\x09" + bytes([8, 11]) + bytes(6) + b"\x01\x01"
                          + (2).to_bytes(8, "big") + bytes(8) + (12).to_bytes(8, "big"),
                          ["--from", "ios"], "key.plist: "),
            "bomb.apk": (bomb.getvalue(), [], "unpacks to more"),
            "many.apk": (many.getvalue(), [], "unpacks to more than 67108864"),
            "climb.ipa": (climbing_ipa.getvalue(), [], "climb.ipa: entry 1: a name that leads out"),
            "bomb.ipa": (bomb_ipa.getvalue(), [], "bomb.ipa!Payload/A.app/Info.plist: unpacks to more"),
            "twice.plist": (plist.format("<dict><key>NSPinnedDomains</key><dict/>\n<key>NSPinnedDomains</key>"
                                         "<dict/></dict>").replace("<key>NSPinnedDomains</key></plist>", "</plist>"),
                            [], "twice.plist:2:"),
            "wide.xml": ("<network-security-config/>".encode("utf-16"), [], "wide.xml: expected UTF-8"),
            "climb.apk": (climbing.getvalue(), [], "leads out"),
            "cut.apk": (climbing.getvalue()[:60], [], "cut.apk: "),
            "alias.yaml": ("a: &a [verify_certificate_spki]\nb: [*a, *a]\n", [], "alias.yaml:1:"),
            "tlsa.zone": ("x IN TLSA 3 1 1 00\n", [], "no usable pins here: line 1: "),
            "port.zone": ("_0._tcp.x. IN TLSA 3 1 1 00\n", [], "port.zone:1:"),
            "no-age.txt": (f'# a.example\nPublic-Key-Pins: pin-sha256="{PIN_A}"\n', [],
                           "no-age.txt:2:"),
            "nothing.bin": (bytes(100), [], "nothing.bin: "),
            "empty.xml": ("", [], "empty.xml: "),
        }

    def test_hostile_files_get_one_error_and_nothing_is_written(self):
        out = os.path.join(self.folder, "out.toml")
        for name, (content, words, expected) in self.hostile().items():
            with self.subTest(name):
                done = self.run_program(COTTER, "import", self.write(name, content), *words, "-o", out)
                self.assertEqual((done.returncode, done.stdout), (2, b""), done.stderr)
                self.assertFalse(os.path.exists(out))
                errors = [line for line in done.stderr.decode().splitlines() if "error:" in line]
                self.assertEqual(len(errors), 1, done.stderr)
                self.assertIn(expected, errors[0])

    # OkHttp adds up the pins of all patterns that match, so each narrower rule gets the wider's.
    def test_okhttp_union_is_written_into_the_narrower_rule(self):
        path = self.write("Pins.java", f"""
          // .add("not.example.com", "sha256/{PIN_A}")
          class Pins {{ static final String B = "{PIN_B}";
            Object p = new CertificatePinner.Builder()
              .add("*.example.com", "sha256/{PIN_A}")
              .add("a.example.com", "sha256/" + B, "sha1/DmxUShsZuNiqPQsX2Oi9uv2sCnw=").build(); }}""")
        imported = self.rules(path)
        self.assertNotIn("not.example.com", imported)
        narrow = imported[imported.index('"a.example.com"'):]
        self.assertIn(PIN_A, narrow)
        self.assertIn(PIN_B, narrow)

    # DESIGN: leaf and CA identities are both wanted.
    def test_both_lists_of_apple_are_leaf_and_ca(self):
        identity = lambda pin: [{"SPKI-SHA256-BASE64": pin}]  # noqa: E731
        path = self.write("Info.plist", plistlib.dumps({"NSAppTransportSecurity": {"NSPinnedDomains": {
            "a.example": {"NSPinnedLeafIdentities": identity(PIN_A),
                          "NSPinnedCAIdentities": identity(PIN_B)}}}}))
        imported = self.rules(path)
        self.assertIn('require = "leaf+ca"', imported)
        self.assertIn('place = "leaf"', imported)
        self.assertIn('place = "ca"', imported)


if __name__ == "__main__":
    unittest.main()
