# SPDX-License-Identifier: Apache-2.0
"""S2-25: what an export for debug builds says in a debug build and in a release, by the programs that decide it: the
C preprocessor for Info.plist, javac and OkHttp for Java. For Swift and Dart, which have no compiler in Debian, what
stands inside and outside of their switches. Also S3-42: the order of checks in the exported Swift."""
import os
import plistlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from folder_case import FolderCase  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
# The second holds what a preprocessor would take for a comment and a macro.
PINS = ["xQ0kpmiTHBRHBfEZAqGFYV9eRmhqEhMDLRnJAVjYDOo=", "//5lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M="]
POLICY = f"""[policy]
name = "acme"
environment = "production"
version = 42
[[host]]
pattern = "api.example.com"
pins = [{{ pin = "sha256/{PINS[0]}", place = "leaf", label = "it's the phone's" }},
        {{ pin = "sha256/{PINS[1]}", place = "leaf", use = "backup" }}]
"""
JARS = "/usr/share/java/okhttp.jar:/usr/share/java/okio.jar"
# Prints whether the client that CotterPins makes pins the host, which it does where no certificate is not enough.
ASK = """public final class Ask {
  public static void main(String[] arguments) {
    okhttp3.OkHttpClient client = CotterPins.pinned(new okhttp3.OkHttpClient.Builder()).build();
    try {
      client.certificatePinner().check("api.example.com", new java.util.ArrayList<>());
      System.out.println("open");
    } catch (Exception refused) {
      System.out.println("pinned");
    }
    System.exit(0);
  }
}
"""


class DebugBuilds(FolderCase):
    def setUp(self):
        super().setUp()
        self.policy = self.write("policy.toml", POLICY)

    def run_program(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, f"{words}: {done.stderr}")
        return done

    def export(self, *words):
        return self.run_program(COTTER, "export", *words, self.policy)

    def test_no_release_has_a_switch_and_every_debug_export_is_loud(self):
        for name in ("android", "ios", "trustkit", "swift", "dart", "okhttp"):
            with self.subTest(name):
                release = self.export("--to", name)
                self.assertNotRegex(release.stdout, "(?i)debug")
                self.assertNotIn("insecure", release.stderr)
                debug = self.export("--to", name, "--debug-build")
                self.assertIn("insecure", debug.stdout.lower())
                self.assertIn("loss: enforcement: insecure: debug builds are not held to the pins", debug.stderr)
                self.assertEqual(debug.stdout, self.export("--to", name, "--debug-build").stdout)
                strict = subprocess.run([COTTER, "export", "--to", name, "--debug-build", "--strict", self.policy],
                                        capture_output=True, timeout=60, check=False)
                self.assertEqual((strict.returncode, strict.stdout), (1, b""))

    def test_android_lets_user_cas_override_pins_in_debuggable_builds_alone(self):
        self.assertNotIn("user", self.export("--to", "android").stdout)
        debug = self.export("--to", "android", "--debug-build").stdout
        overrides = debug[debug.index("<debug-overrides>"):debug.index("</debug-overrides>")]
        self.assertIn('<certificates src="user" overridePins="true"/>', overrides)
        self.assertNotIn("user", debug.replace(overrides, "").replace("that the user added", ""))

    def test_where_builds_cannot_be_told_apart_it_is_refused(self):
        for name in ("go", "node", "python", "curl", "envoy", "tlsa", "json", "tls-client"):
            done = subprocess.run([COTTER, "export", "--to", name, "--debug-build", self.policy],
                                  capture_output=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, b""), name)

    # Xcode runs the compiler's preprocessor over the file, as cpp does here.
    def test_property_lists_are_pinned_unless_debug_is_defined(self):
        for name, key in (("ios", "NSAppTransportSecurity"), ("trustkit", "TSKConfiguration")):
            with self.subTest(name):
                source = self.write("Info.plist", self.export("--to", name, "--debug-build").stdout)
                command = ["cpp", "-P", "-traditional", "-x", "c", source]
                release = plistlib.loads(self.run_program(*command).stdout.strip().encode())
                self.assertEqual(release, plistlib.loads(self.export("--to", name).stdout.encode()))
                for pin in PINS:
                    self.assertIn(pin, str(release))
                debug = plistlib.loads(self.run_program(*command, "-DDEBUG=1").stdout.strip().encode())
                self.assertNotIn(key, debug)
                zero = plistlib.loads(self.run_program(*command, "-DDEBUG=0").stdout.strip().encode())
                self.assertEqual(zero, release)

    def test_java_is_pinned_unless_the_build_is_for_debugging(self):
        pins = self.write("CotterPins.java", self.export("--to", "okhttp", "--language", "java", "--debug-build").stdout)
        ask = self.write("Ask.java", ASK)
        for value in ("true", "false"):
            build = self.write("BuildConfig.java", f"final class BuildConfig {{ static final boolean DEBUG = {value}; }}")
            out = os.path.join(self.folder, value)
            os.makedirs(out)
            self.run_program("javac", "-proc:none", "-cp", JARS, "-d", out, pins, ask, build)
            done = self.run_program("java", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}:{out}", "Ask")
            self.assertEqual(done.stdout.strip(), "open" if value == "true" else "pinned")
            self.assertEqual("INSECURE DEBUG BUILD" in done.stderr, value == "true")
            # What the compiler leaves out of a release is not there to be switched on.
            with open(os.path.join(out, "CotterPins.class"), "rb") as file:
                self.assertEqual(b"INSECURE DEBUG" in file.read(), value == "true")

    def test_swift_and_dart_differ_from_a_release_in_their_switch_alone(self):
        debug = self.export("--to", "swift", "--debug-build").stdout
        switch = re.search(r"^#if DEBUG\n.*?^#endif\n", debug, re.S | re.M).group()
        self.assertEqual(debug.replace(switch, ""), self.export("--to", "swift").stdout)
        self.assertIn("assert(", switch)
        self.assertNotIn("useCredential", switch)  # even there the system's checks decide
        debug = self.export("--to", "dart", "--debug-build").stdout
        self.assertIn("dart.vm.product", debug)
        self.assertIn("=> _debugClient() ?? _pinnedClient();", debug)
        self.assertNotIn("=> true", debug)

    # S3-42: trust first, then the keys of the evaluated chain; no serverTrust is a cancel.
    def test_swift_evaluates_trust_before_it_looks_at_keys(self):
        text = self.export("--to", "swift").stdout
        body = text[text.index("private func holds("):text.index("private struct Pin")]
        order = [body.index(step) for step in
                 ("SecTrustSetPolicies(", "SecTrustEvaluateWithError(", "Self.path(of: trust)", "isSatisfied(by: path)")]
        self.assertEqual(order, sorted(order))
        self.assertRegex(text, r"guard let trust = space\.serverTrust, holds\(.*\) else \{\s+"
                               r"completionHandler\(\.cancelAuthenticationChallenge, nil\)")
        # A credential of the trust stands behind that guard alone, and default handling is for what is no trust.
        self.assertEqual(text.count(".useCredential"), 1)
        before = text[:text.index(".performDefaultHandling")]
        self.assertTrue(before.rstrip().endswith("completionHandler("))
        self.assertIn("authenticationMethod == NSURLAuthenticationMethodServerTrust else {", before[-120:])
        self.assertEqual(text.count(".performDefaultHandling"), 1)
        # Never a key re-encoded: Apple's call gives it without its SubjectPublicKeyInfo.
        self.assertNotIn("SecKeyCopyExternalRepresentation(", text)
        imported = self.run_program(COTTER, "import", self.write("CotterPins.swift", text)).stdout
        for pin in PINS:
            self.assertIn(pin, imported)


if __name__ == "__main__":
    unittest.main()
