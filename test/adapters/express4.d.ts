declare module 'express4' {
  import express from 'express'
  // biome-ignore lint/style/noDefaultExport: as express itself exports
  export default express
}
