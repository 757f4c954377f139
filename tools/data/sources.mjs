// The public originals of the benchmarks, each pinned to a commit and to its SHA-256. `path` is where @ifrl looks for it.
import { collieLines } from "./Collie.mjs"

/**
 * @typedef {object} Source
 * @property {string} path
 * @property {string} repository
 * @property {string} commit
 * @property {string} original path in the repository
 * @property {string} sha256
 * @property {{ path: string, sha256: string, make: (bytes: Uint8Array) => string }} [made] a file made from the original
 */

/** @type {(repository: string, commit: string, files: ReadonlyArray<[path: string, original: string, sha256: string]>) => Array<Source>} */
const from = (repository, commit, files) =>
  files.map(([path, original, sha256]) => ({ path, repository, commit, original, sha256 }))

const followbench = {
  data: {
    content: "dedf04579bf205c1422e18ee1033d0372b02196ca4b5e921a3a65dca714e226b",
    example: "205d10ecde31b974f0c1537be4952b5e075ae5ca58008dc08aef1c442c32bada",
    format: "3b93ee931186edcb4e0a5f260de18cd550586c985192da39262fd023e90d8a76",
    mixed: "eae529546e0ef6a4a4936b6221cd25da9debaf261272409ed1fd57e8260bf820",
    situation: "cab0e31e3f8dd69ba71018dde3eb63f3336b8aea6df82c7997da6abcbc159fb4",
    style: "5a9a049a24a9a53e67b4ad97f1fb7633b4629f6ce461662888804313cc90c27a"
  },
  data_zh: {
    content: "f0baaee245a24fe3f38e4e7bd18c44700f67557397989c46c58ab4482d46f28f",
    example: "33a0f6f2b72b530de42907fbdde6947b70c7676ee6e78a9078ecd63bca97c437",
    format: "65400edb71326ad8e69474701ab14252c4d3d2e9b8b49643716d897967d6636e",
    mixed: "5495223e7f93d0fccc2b63ffd951b07825b1b7c82b4a009d99efae56b312dd53",
    situation: "2bb26ae2df58d63ccfd2b512adb0c66c33f1fe5c8a1368c3c0bc9aff5d87689c",
    style: "7e9ee17fa2520c8187438fc0a66e63bc6831bf4e51c2ee6429b46b0bfdec6a27"
  }
}

/** @type {ReadonlyArray<Source>} */
export const sources = [
  // Prompts and GPT-4's responses are google-research's (CC BY 4.0), the verdicts on Llama-3.1-8B-Instruct that repository's.
  ...from("Jack-Lingjie/IFeval", "5a783cece8a42ee8c10b0123d2bc563426772cff", [
    ["ifeval/input_data.jsonl", "data/input_data.jsonl", "67ffeee0fcb87c317c5b08a2de85557b4a7e96ada6178aa645b4954fe4b53d49"],
    [
      "ifeval/input_response_data_gpt4_20231107_145030.jsonl",
      "data/input_response_data_gpt4_20231107_145030.jsonl",
      "0cff1d1469b774e80296bee20ca696894df35f3c6d6539f2c886d67c07599dcb"
    ],
    [
      "ifeval/jack_llama31_8b_eval_results_strict.jsonl",
      "data/eval_results_strict.jsonl",
      "9a463a1f9109df39c49ac65b2cdbf93b8b44499ef493d961243cfa9af80cf8cf"
    ],
    [
      "ifeval/jack_llama31_8b_eval_results_loose.jsonl",
      "data/eval_results_loose.jsonl",
      "b25bea556d9f7a8796faaf6e08968e6154f86186a6ea6b2d2dc6a26d0e0ce85f"
    ]
  ]),
  ...from("Podtech-AI/IFEval", "76670a377db0f75ac8e808bbdaa8df5e6f185399", [
    [
      "ifeval/podtech_eval_results_strict.jsonl",
      "data/test_output/eval_results_strict.jsonl",
      "9300cb552df300894fe9fab35f53c399c3a1d37077e344c6bf20cddbaa23aa78"
    ],
    [
      "ifeval/podtech_eval_results_loose.jsonl",
      "data/test_output/eval_results_loose.jsonl",
      "0b8abbf8cbd78aa7ecc9f8858f37448a432e281dfb2c51bcf05caed3354d416c"
    ]
  ]),
  // Data ODC-BY 1.0.
  ...from("allenai/IFBench", "db69a6f05689830b0068b8f1529ebcfd2f3b164c", [
    ["ifbench/IFBench_test.jsonl", "data/IFBench_test.jsonl", "a2bf7b8e7ed11d39c65b4ec781da8b99663ed0121f97033d70fcecb61f8a9d85"],
    ["ifbench/sample_output.jsonl", "data/sample_output.jsonl", "a784024a2d40f96ced8107a95a3c2689d5e5e7c56c9eb3df6cede5574199d4c6"],
    [
      "ifbench/eval_results_strict.jsonl",
      "eval/eval_results_strict.jsonl",
      "88eba686eb38c3198a4828115c75bf63fb64f48f4ec51bb7fc2348a6ba240e4a"
    ],
    [
      "ifbench/eval_results_loose.jsonl",
      "eval/eval_results_loose.jsonl",
      "5a4140596b2b3b850f14b512080d99debd64e9b98a3263e741311280d98adea2"
    ]
  ]),
  // Apache-2.0.
  ...from(
    "YJiangcm/FollowBench",
    "6278f4c1377b4eafab737267b8b21acd52ea0e52",
    Object.entries(followbench).flatMap(([folder, hashes]) =>
      Object.entries(hashes).map(([kind, sha256]) =>
        /** @type {[string, string, string]} */ ([
          `followbench/${folder}/${kind}_constraints.json`,
          `${folder}/${kind}_constraints.json`,
          sha256
        ])
      )
    )
  ),
  // MIT.
  {
    path: "collie/all_data.dill",
    repository: "princeton-nlp/Collie",
    commit: "efce1c882e995cca65e1244545167a95dba72df9",
    original: "data/all_data.dill",
    sha256: "d8cf6e5447eea9457d7691c89a773ce5b512f3da1417f3480497997cab541009",
    made: {
      path: "collie/collie_v1.jsonl",
      sha256: "4a09cf682c54c4f6b9bd94e220d82a4acef56c72a07bbe133b79d3c6d5e2e88e",
      make: collieLines
    }
  }
]
