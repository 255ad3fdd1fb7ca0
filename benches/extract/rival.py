"""The same rules with parsel (CSS) or jsonpath-ng, over the same files: rival.py SET.json FOLDER PASSES.

The set is {"kind": "css" | "json", "each": ..., "fields": {NAME: RULE}} in the rival's own syntax.
Prints what the last pass found, in the form of crates/extract/examples/measure.rs.
"""

import json
import os
import sys

rules = json.load(open(sys.argv[1]))
folder = sys.argv[2]
bodies = [open(os.path.join(folder, name)).read() for name in sorted(os.listdir(folder))]
fields = rules["fields"]

if rules["kind"] == "json":
    import jsonpath_ng.ext

    compiled = {name: jsonpath_ng.ext.parse(path) for name, path in fields.items()}

    def extract(body):
        data = json.loads(body)
        return {name: [match.value for match in path.find(data)] for name, path in compiled.items()}

elif rules.get("each"):
    import parsel

    def extract(body):
        page = parsel.Selector(text=body, type="html")
        return [
            {name: card.css(rule).get() for name, rule in fields.items()}
            for card in page.css(rules["each"])
        ]

else:
    import parsel

    def extract(body):
        page = parsel.Selector(text=body, type="html")
        return {name: page.css(rule).getall() for name, rule in fields.items()}


for _ in range(int(sys.argv[3])):
    found = [extract(body) for body in bodies]
json.dump(found, sys.stdout)
