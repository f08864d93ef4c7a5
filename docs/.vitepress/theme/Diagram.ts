/** A diagram of mermaid, drawn in the browser in the colours of the page; without scripts its text. */
import { useData } from "vitepress"
import { defineComponent, h, onMounted, ref, watch } from "vue"

/** One drawing at a time: mermaid keeps its configuration for all of them. */
let drawing: Promise<unknown> = Promise.resolve()
let count = 0

const draw = async (source: string, isDark: boolean): Promise<string> => {
  const { default: mermaid } = await import("mermaid")
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: "strict",
    theme: isDark ? "dark" : "neutral",
    fontFamily: "inherit",
    gantt: {
      useWidth: 700,
      fontSize: 13,
      sectionFontSize: 13,
      barHeight: 24,
      barGap: 5,
      leftPadding: 100,
      topPadding: 20
    }
  })
  count += 1
  const { svg } = await mermaid.render(`diagram-${count}`, source)
  return svg
}

export const Diagram = defineComponent({
  props: { source: { type: String, required: true } },
  setup: (props) => {
    const { isDark } = useData()
    const source = decodeURIComponent(props.source)
    const svg = ref("")
    const update = () => {
      const next = drawing.then(() => draw(source, isDark.value))
      drawing = next.catch(() => undefined)
      return next.then((drawn) => {
        svg.value = drawn
      })
    }
    onMounted(update)
    watch(isDark, update)
    return () =>
      svg.value === ""
        ? h("pre", { class: "diagram-source" }, source)
        : h("div", { class: "diagram", innerHTML: svg.value })
  }
})
