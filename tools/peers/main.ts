console.log("peers")
