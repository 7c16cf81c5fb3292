/** A photo as a camera makes it, as small as the gateway takes it. */

import { Problem } from './api'

/** What the gateway keeps of one holder (ACCESS_PICTURE_BYTES), with some room. */
const MOST_BYTES = 98_000
const SIDES = [480, 320, 200]

/** The file itself if it is small enough, else its middle square as a smaller JPEG. */
export async function shrunk(file: File): Promise<Blob> {
  if (file.size <= MOST_BYTES) return file
  const image = await createImageBitmap(file).catch(() => {
    throw new Problem(0, 'This is no picture', 'The browser can’t read the file as a picture.', 'PAGE-PICTURE', 'Choose a JPEG, PNG or WebP file.')
  })
  const side = Math.min(image.width, image.height)
  for (const size of SIDES) {
    const canvas = document.createElement('canvas')
    canvas.width = canvas.height = Math.min(size, side)
    canvas.getContext('2d')?.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, canvas.width, canvas.height)
    const small = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.85))
    if (small !== null && small.size <= MOST_BYTES) return small
  }
  throw new Problem(0, 'The picture is too large', 'It could not be made small enough.', 'PAGE-PICTURE', 'Make it smaller than 100 kB first.')
}
