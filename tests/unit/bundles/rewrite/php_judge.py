"""Real PHP as the judge of serialized values: thousands per process."""

import base64
import json
import subprocess

#: Reads lines {"data": base64}; answers per line whether PHP reads the value, and all strings of it in order.
_JUDGE = r"""
error_reporting(0);
function strings($value, array &$found): void {
    if (is_string($value)) { $found[] = base64_encode($value); return; }
    if (is_object($value)) { $value = (array) $value; }
    if (is_array($value)) {
        foreach ($value as $key => $item) {
            if (is_string($key)) { $found[] = base64_encode($key); }
            strings($item, $found);
        }
    }
}
while (($line = fgets(STDIN)) !== false) {
    $data = base64_decode(json_decode($line, true)['data']);
    $value = unserialize($data, ['allowed_classes' => false]);
    $found = [];
    strings($value, $found);
    echo json_encode(['ok' => $value !== false || $data === 'b:0;', 'strings' => $found]), "\n";
}
"""

#: Makes values as PHP serializes them: objects with private and protected properties, references, enums, floats.
_MAKER = r"""
class Plain { public $url = 'http://myshop.example/'; protected $path = '/srv/tpl/public_html/x'; private $n = 7; }
class Own implements Serializable {
    public function serialize() { return 'url=http://myshop.example/'; }
    public function unserialize($data) {}
    public function __serialize(): array { return ['url' => 'http://myshop.example/']; }
    public function __unserialize(array $data): void {}
}
enum Suit: string { case Hearts = 'h'; }
error_reporting(0);
$shared = (object) ['home' => 'http://myshop.example/'];
$self = ['url' => 'http://myshop.example/']; $self['again'] = &$self['url'];
$values = [
    new Plain(), new Own(), [Suit::Hearts, 'http://myshop.example/'], [$shared, $shared], $self,
    [1.5, -0.0, INF, -INF, NAN, 1e100, PHP_INT_MIN, true, null, 'http://myshop.example/'],
    new ArrayObject(['http://myshop.example/']), new SplObjectStorage(), [[[[['deep' => 'http://myshop.example/']]]]],
    ['http://myshop.example/' => 'a key'], ["\0bin\0" => "\xff\xfehttp://myshop.example/"], 'http://myshop.example/',
];
foreach ($values as $value) { echo base64_encode(serialize($value)), "\n"; }
"""


def judge(values):
    """Return per value (bytes) the pair (PHP reads it, its strings as bytes in order)."""
    lines = "".join(json.dumps({"data": base64.b64encode(value).decode("ascii")}) + "\n" for value in values)
    done = subprocess.run(["php", "-r", _JUDGE], input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(values), done.stderr
    return [(one["ok"], [base64.b64decode(text) for text in one["strings"]]) for one in answers]


def made_by_php():
    """Return values serialized by PHP itself."""
    done = subprocess.run(["php", "-r", _MAKER], capture_output=True, text=True, check=True)
    return [base64.b64decode(line) for line in done.stdout.split()]
